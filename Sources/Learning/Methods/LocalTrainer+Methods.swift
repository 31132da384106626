// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
public import Rounds

extension LocalTrainer {
    /// Trains as ``train(parameters:samples:specification:objective:seed:into:onStep:)`` with client-side methods, some
    /// of which keep state between a client's rounds.
    ///
    /// With Ditto, the steps of the personal model follow those of the plain one: `onStep` sees both as one training,
    /// the outcome's steps and loss are the plain model's, which is what the server averages.
    ///
    /// - Parameters:
    ///   - control: the server's control variate; nil for zero. Only with SCAFFOLD.
    ///   - methods: what `specification.settings` asks for.
    ///   - state: the client's state; changed only when training succeeds, also when `onStep` ended it.
    ///   - delta: takes `trained - parameters`; zero in tensors that stay on the client.
    ///   - controlDelta: takes the change of the client's control variate, as many elements as the model has; nil
    ///     without SCAFFOLD.
    /// - - Throws: ``LearningError``: as the other `train`, and `invalidSpecification` where the model or a control
    ///   variate does not fit the methods, `shapeMismatch` for a control variate or a state of another model.
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
        precondition((controlDelta != nil) == methods.usesControlVariates, "a change of control with SCAFFOLD, only")
        precondition(controlDelta.map { $0.count == parameters.count } ?? true, "a control variate is like the model")
        controlDelta?.update(repeating: 0)
        guard try begin(parameters, samples, specification, into: delta) else { return .nothing(samples) }
        try check(methods, control, state)
        let start = try composed(parameters, methods, state)
        let initialLoss = methods.reportsInitialLoss ? try evaluate(parameters: start, samples: samples).meanLoss : nil
        let uncertainty =
            methods.uncertaintySamples > 0
            ? try meanUncertainty(parameters: start, samples: samples, atMost: methods.uncertaintySamples) : nil
        let plan = try plan(methods, from: start, control: control, samples: samples, specification, state: state)
        let personalSteps =
            methods.personalLambda > 0
            ? plannedSteps(samples, specification, epochs: personalEpochs(methods, specification)) : 0
        var seen = 0
        var outcome = try run(from: start, samples: samples, specification: specification, plan: plan, seed: seed) {
            seen = $0.samplesSeen
            return onStep($0.followed(by: personalSteps))
        }
        outcome.initialLoss = initialLoss
        outcome.uncertainty = uncertainty
        try writeDelta(from: start, into: delta, steps: outcome.steps, specification)
        var next = state
        if methods.hypergradient != nil { next.vectors[ClientState.hyperStart] = start }
        let round = FinishedRound(outcome: outcome, specification: specification, control: control)
        try remember(round, methods, state: &next, delta: delta, controlDelta: controlDelta)
        if methods.personalLambda > 0, !outcome.wasStopped {
            outcome.wasStopped = try trainPersonalModel(
                toward: start,
                samples: samples,
                specification,
                methods,
                state: &next,
                seed: seed.deriving("personal")
            ) { onStep($0.following(outcome.steps, samples: seen)) }
        }
        state = next
        return outcome
    }

    /// Trains by the settings, which must ask for no method that keeps state.
    func trainWithoutState(
        parameters: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>,
        onStep: (TrainingProgress) -> Bool
    ) throws -> TrainingOutcome {
        // The trainer `none` takes any settings: it uses none.
        let settings = specification.trainer == "none" ? [:] : specification.settings
        let methods = try ClientMethods(settings: settings)
        guard !methods.keepsState else {
            throw LearningError(
                .invalidSpecification,
                "training.settings asks for a method that keeps state on the client, which this caller does not; "
                    + "leave out scaffold, dynamic_alpha, moon_mu, local_normalisation and personal_lambda"
            )
        }
        var state = ClientState()
        return try train(
            parameters: parameters,
            control: nil,
            samples: samples,
            specification: specification,
            methods: methods,
            state: &state,
            seed: seed,
            into: delta,
            controlDelta: nil,
            onStep: onStep
        )
    }

    /// The parameters that a client evaluates with: its personal model, else the global one with the tensors that the
    /// client keeps for itself, else the global one as it is.
    ///
    /// A state of another model is left aside.
    public func localParameters(
        global: ParameterVector,
        methods: ClientMethods,
        state: ClientState
    ) -> ParameterVector {
        let personal = try? state.vector(ClientState.personal, count: global.count)
        if methods.personalLambda > 0, let personal { return personal }
        return (try? composed(global, methods, state)) ?? global
    }

    // MARK: Before the steps

    private func check(_ methods: ClientMethods, _ control: ParameterVector?, _ state: ClientState) throws {
        if methods.personalLambda > 0 {
            _ = try state.vector(ClientState.personal, count: model.layout.elementCount)
        }
        if methods.contrastMu > 0, !network.hasFeatures {
            throw LearningError(
                .invalidSpecification,
                "training.settings.moon_mu needs a model with hidden layers, and one of kind \(model.kind) has none; "
                    + "choose another model.kind or leave the setting out"
            )
        }
        guard let control else { return }
        guard methods.usesControlVariates else {
            throw LearningError(
                .invalidSpecification,
                "a control variate came with a job that does not use it; set training.settings.scaffold to 1"
            )
        }
        try check(control)
    }

    /// The global model with the client's own tensors in their places.
    private func composed(
        _ global: ParameterVector,
        _ methods: ClientMethods,
        _ state: ClientState
    ) throws -> ParameterVector {
        guard methods.keepsNormalisation, !localTensors.isEmpty,
            let own = try state.vector(
                ClientState.normalisation,
                count: model.layout.elementCount(of: localTensors)
            )
        else { return global }
        var start = global
        start.scatter(own, to: localTensors, of: model.layout)
        return start
    }

    private func plan(
        _ methods: ClientMethods,
        from start: ParameterVector,
        control: ParameterVector?,
        samples: Samples,
        _ specification: TrainingSpecification,
        state: ClientState
    ) throws -> StepPlan {
        StepPlan(
            objective: methods.objective(for: samples, classCount: model.classCount),
            term: try methods.parameterTerm(
                start: start,
                control: control,
                state: state,
                fixed: fixedTensors(methods),
                layout: model.layout
            ),
            contrast: try methods.contrast(start: start, state: state),
            ascentRadius: methods.ascentRadius,
            hypergradient: methods.hypergradient,
            lastStart: try state.vector(ClientState.hyperStart, count: start.count),
            epochs: specification.localEpochs
        )
    }

    /// The tensors that no control variate and no memory belongs to: those that stay or that no gradient moves.
    func fixedTensors(_ methods: ClientMethods) -> [Int] {
        let untrained = model.layout.untrainedTensors
        return methods.keepsNormalisation ? Set(localTensors).union(untrained).sorted() : untrained
    }

    func personalEpochs(_ methods: ClientMethods, _ specification: TrainingSpecification) -> Int {
        methods.personalEpochs ?? specification.localEpochs
    }
}

extension TrainingProgress {
    /// This progress in a training that goes on for some steps.
    fileprivate func followed(by steps: Int) -> TrainingProgress {
        TrainingProgress(step: step, plannedSteps: plannedSteps + steps, samplesSeen: samplesSeen)
    }

    /// This progress in a training of which some steps were done before.
    fileprivate func following(_ steps: Int, samples: Int) -> TrainingProgress {
        TrainingProgress(
            step: step + steps,
            plannedSteps: plannedSteps + steps,
            samplesSeen: samplesSeen + samples
        )
    }
}
