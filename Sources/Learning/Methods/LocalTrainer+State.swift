// SPDX-License-Identifier: Apache-2.0

internal import ModelState
internal import Randomness
internal import Rounds

/// A round whose plain steps are done, and what they were made with.
struct FinishedRound {
    let outcome: TrainingOutcome
    let specification: TrainingSpecification
    let control: ParameterVector?

    /// The factor of the mean gradient in the change, `eta * a`: the parameters moved by `-eta * a * mean gradient`.
    ///
    /// After K steps `a` is K without momentum; with momentum rho a gradient counts in all later steps too (Wang et al.
    /// 2020, "Tackling the objective inconsistency problem", section 3.1):
    ///
    ///     a = (K - rho (1 - rho^K) / (1 - rho)) / (1 - rho)
    var gradientFactor: Double {
        let (steps, rho) = (outcome.steps, Double(Float(specification.momentum)))
        var power = 1.0
        for _ in 0..<steps where power > 0 { power *= rho }
        let accumulated = (Double(steps) - rho * (1 - power) / (1 - rho)) / (1 - rho)
        return Double(Float(specification.learningRate)) * accumulated
    }
}

extension LocalTrainer {
    /// Brings the state up to date with a round whose result is in the network, and writes the change of the control
    /// variate.
    func remember(
        _ round: FinishedRound,
        _ methods: ClientMethods,
        state: inout ClientState,
        delta: UnsafeMutableBufferPointer<Float>,
        controlDelta: UnsafeMutableBufferPointer<Float>?
    ) throws {
        let fixed = fixedTensors(methods)
        if methods.contrastMu > 0 { state.vectors[ClientState.previous] = network.currentParameters() }
        if methods.keepsNormalisation, !localTensors.isEmpty {
            let trained = network.currentParameters()
            state.vectors[ClientState.normalisation] = trained.gathering(localTensors, of: model.layout)
            for tensor in localTensors { delta[model.layout.range(of: tensor)].update(repeating: 0) }
        }
        if let controlDelta {
            try updateControl(round, fixed, &state, UnsafeBufferPointer(delta), controlDelta)
        }
        if methods.updateMomentum > 0 {
            try applyMomentum(methods.updateMomentum, &state, delta)
        }
        if methods.dynamicAlpha > 0 {
            try updateMemory(round, methods.dynamicAlpha, fixed, &state, UnsafeBufferPointer(delta))
        }
    }

    /// Brings SCAFFOLD's control variate up to date.
    ///
    /// Option II (Karimireddy et al. 2020, algorithm 1, line 12), with `eta a` in the place of `K eta`:
    ///
    ///     c_i+ = c_i - c + (start - trained) / (eta a)
    ///
    /// Without a learning rate, as in the first round of a warm-up, nothing is learned of the gradient either.
    private func updateControl(
        _ round: FinishedRound,
        _ fixed: [Int],
        _ state: inout ClientState,
        _ delta: UnsafeBufferPointer<Float>,
        _ controlDelta: UnsafeMutableBufferPointer<Float>
    ) throws {
        let factor = round.gradientFactor
        guard factor > 0 else { return }
        let old = try state.vector(ClientState.control, count: delta.count) ?? ParameterVector(zeros: delta.count)
        let control = round.control ?? ParameterVector(zeros: delta.count)
        var own = old
        own.withMutableElements { own in
            control.withElements { control in
                for index in own.indices {
                    own[index] = Float(Double(own[index]) - Double(control[index]) - Double(delta[index]) / factor)
                }
            }
        }
        own.clear(fixed, of: model.layout)
        own.withElements { own in
            old.withElements { old in
                for index in own.indices { controlDelta[index] = own[index] - old[index] }
            }
        }
        guard own.isFinite, UnsafeBufferPointer(controlDelta).isFinite else {
            throw divergence(step: round.outcome.steps, round.specification)
        }
        state.vectors[ClientState.control] = own
    }

    /// Brings FedDyn's memory up to date.
    ///
    /// Acar et al. 2021, algorithm 1: `h_i <- h_i - alpha (trained - start)`.
    private func updateMemory(
        _ round: FinishedRound,
        _ alpha: Float,
        _ fixed: [Int],
        _ state: inout ClientState,
        _ delta: UnsafeBufferPointer<Float>
    ) throws {
        var memory = try state.vector(ClientState.dynamic, count: delta.count) ?? ParameterVector(zeros: delta.count)
        memory.withMutableElements { memory in
            for index in memory.indices { memory[index] -= alpha * delta[index] }
        }
        memory.clear(fixed, of: model.layout)
        guard memory.isFinite else { throw divergence(step: round.outcome.steps, round.specification) }
        state.vectors[ClientState.dynamic] = memory
    }

    /// Sends the client's momentum in the place of its update: `m <- beta m + (1 - beta) delta`, from m = 0.
    ///
    /// Running statistics have no gradient and are sent as they are. With one step a round this is the worker momentum
    /// of Byzantine-robust learning (Karimireddy et al. 2021).
    private func applyMomentum(
        _ beta: Float,
        _ state: inout ClientState,
        _ delta: UnsafeMutableBufferPointer<Float>
    ) throws {
        let trained = model.layout.tensors.indices.filter { model.layout.tensors[$0].role != .buffer }
        var momentum = try state.vector(ClientState.momentum, count: delta.count) ?? ParameterVector(zeros: delta.count)
        momentum.withMutableElements { momentum in
            for tensor in trained {
                for index in model.layout.range(of: tensor) {
                    momentum[index] = beta * momentum[index] + (1 - beta) * delta[index]
                    delta[index] = momentum[index]
                }
            }
        }
        state.vectors[ClientState.momentum] = momentum
    }

    /// Trains Ditto's personal model v with a pull to the round's model w.
    ///
    /// Li et al. 2021, "Ditto: Fair and robust federated learning through personalization", algorithm 1:
    ///
    ///     v <- v - eta (gradient of F_i(v) + lambda (v - w))
    ///
    /// A client's first personal model begins as the global one.
    ///
    /// - Returns: whether `onStep` ended the training.
    func trainPersonalModel(
        toward global: ParameterVector,
        samples: Samples,
        _ specification: TrainingSpecification,
        _ methods: ClientMethods,
        state: inout ClientState,
        seed: Seed,
        onStep: (TrainingProgress) -> Bool
    ) throws -> Bool {
        let plan = StepPlan(
            objective: methods.objective(for: samples, classCount: model.classCount),
            term: ProximalObjective(mu: methods.personalLambda).parameterTerm(start: global),
            epochs: personalEpochs(methods, specification)
        )
        let outcome = try run(
            from: try state.vector(ClientState.personal, count: global.count) ?? global,
            samples: samples,
            specification: specification,
            plan: plan,
            seed: seed,
            onStep: onStep
        )
        let personal = network.currentParameters()
        guard personal.isFinite else { throw divergence(step: outcome.steps, specification) }
        state.vectors[ClientState.personal] = personal
        return outcome.wasStopped
    }
}
