// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
public import Rounds

/// The client-side methods that a job asks for, by the keys of `training.settings`.
public struct ClientMethods: Sendable {
    /// Reads the settings.
    public init(settings: [String: Double]) throws {
        _ = try LocalObjectives.objective(for: settings)
    }

    /// Whether a client remembers anything between rounds.
    public var keepsState: Bool { false }
    /// Whether control variates travel with the model.
    public var sendsControlVariate: Bool { false }
}

extension LocalTrainer {
    /// Trains with methods.
    public func train(
        parameters: ParameterVector,
        control: ParameterVector?,
        samples: Samples,
        specification: TrainingSpecification,
        methods: ClientMethods,
        state: inout ClientState,
        seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>,
        controlDelta: UnsafeMutableBufferPointer<Float>?,
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> TrainingOutcome {
        try train(
            parameters: parameters,
            samples: samples,
            specification: specification,
            seed: seed,
            into: delta,
            onStep: onStep
        )
    }

    /// The parameters that a client evaluates with.
    public func localParameters(
        global: ParameterVector,
        methods: ClientMethods,
        state: ClientState
    ) -> ParameterVector { global }
}
