// SPDX-License-Identifier: Apache-2.0

import Adaptation
package import Learning
package import ModelState
package import Rounds

/// What a client does with the task to evaluate, real or virtual.
package enum ClientEvaluation {
    /// Evaluates what a client holds on samples.
    ///
    /// - Parameters:
    ///   - base: the vector that travelled.
    ///   - layout: its tensors.
    ///   - memory: what the client remembers; nil for a client that remembers nothing.
    /// - Throws: `LearningError`, `AdaptationError`.
    package static func run(
        _ base: ParameterVector,
        layout: TensorLayout,
        samples: Samples,
        memory: ClientMemory?,
        trainer: LocalTrainer
    ) throws -> EvaluationSummary {
        if let tensors = OpenWorldTensors(of: layout) {
            return try OpenWorldEvaluation.run(base, model: trainer.model, tensors: tensors, samples: samples)
        }
        let parameters = try trainer.evaluationParameters(base: base, memory: memory ?? ClientMemory())
        return EvaluationSummary(try trainer.evaluate(parameters: parameters, samples: samples))
    }
}

extension EvaluationSummary {
    /// The counts of an evaluation.
    init(_ outcome: EvaluationOutcome) {
        self.init(
            sampleCount: UInt64(outcome.sampleCount),
            correctCount: UInt64(outcome.correctCount),
            lossSum: outcome.lossSum
        )
    }
}
