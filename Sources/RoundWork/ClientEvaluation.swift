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
        try run(base, layout: layout, [(samples, memory ?? ClientMemory())], trainer: trainer)[0]
    }

    /// Evaluates what some clients hold, each on its own samples, as one by one.
    ///
    /// - Throws: `LearningError`, `AdaptationError`.
    package static func run(
        _ base: ParameterVector,
        layout: TensorLayout,
        _ clients: [(samples: Samples, memory: ClientMemory)],
        trainer: LocalTrainer
    ) throws -> [EvaluationSummary] {
        if let tensors = OpenWorldTensors(of: layout) {
            return try clients.map { client in
                try OpenWorldEvaluation.run(base, model: trainer.model, tensors: tensors, samples: client.samples)
            }
        }
        // Who remembers nothing of the model's holds the same as the others.
        guard clients.contains(where: { !$0.memory.state.isEmpty }) else {
            let parameters = try trainer.evaluationParameters(base: base, memory: ClientMemory())
            return try trainer.evaluate(parameters: parameters, each: clients.map(\.samples)).map { .init($0) }
        }
        return try clients.map { client in
            let parameters = try trainer.evaluationParameters(base: base, memory: client.memory)
            return EvaluationSummary(try trainer.evaluate(parameters: parameters, samples: client.samples))
        }
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
