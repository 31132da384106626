// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

@testable import Learning
@testable import ModelState

/// One client's round with methods, its results as values.
struct ClientRound {
    var delta: ParameterVector
    var controlDelta: ParameterVector?
    var outcome: TrainingOutcome

    /// Trains with the methods of the specification's settings.
    static func train(
        _ trainer: LocalTrainer,
        from parameters: ParameterVector,
        control: ParameterVector? = nil,
        samples: Samples,
        _ specification: TrainingSpecification,
        state: inout ClientState,
        seed: Seed = Seed(3),
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> ClientRound {
        let methods = try ClientMethods(settings: specification.settings)
        var delta = ParameterVector(zeros: parameters.count)
        var change = ParameterVector(zeros: methods.sendsControlVariate ? parameters.count : 0)
        let outcome = try delta.withMutableElements { delta in
            try change.withMutableElements { change in
                try trainer.train(
                    parameters: parameters,
                    control: control,
                    samples: samples,
                    specification: specification,
                    methods: methods,
                    state: &state,
                    seed: seed,
                    into: delta,
                    controlDelta: methods.sendsControlVariate ? change : nil,
                    onStep: onStep
                )
            }
        }
        return ClientRound(
            delta: delta,
            controlDelta: methods.sendsControlVariate ? change : nil,
            outcome: outcome
        )
    }
}

/// The code of the error that a call throws.
func learningErrorCode(_ body: () throws -> Void) -> LearningError.Code? {
    do {
        try body()
        return nil
    } catch { return (error as? LearningError)?.code }
}
