// SPDX-License-Identifier: Apache-2.0

internal import ModelState

extension ClientMethods {
    /// The loss on the logits for one client's samples.
    func objective(for samples: Samples, classCount: Int) -> any LocalObjective {
        let base: any LocalObjective =
            marginLambda > 0 ? MarginObjective(lambda: marginLambda, form: marginForm) : CrossEntropyObjective()
        guard calibrationTau > 0 else { return base }
        return CalibratedObjective(
            tau: calibrationTau,
            labelCounts: samples.labelCounts(classCount: classCount),
            base: base
        )
    }

    /// What all methods add to a client's loss as a function of the parameters alone.
    ///
    ///     FedProx    mu / 2 ||w - start||^2                              (Li et al. 2020, equation 2)
    ///     FedDyn     alpha / 2 ||w - start||^2 - h_i . w                 (Acar et al. 2021, equation 1)
    ///     SCAFFOLD   (c - c_i) . w                                       (Karimireddy et al. 2020, equation 3)
    ///
    /// - Parameter fixed: the tensors without a correction of their own: those that are not averaged or not trained.
    func parameterTerm(
        start: ParameterVector,
        control: ParameterVector?,
        state: ClientState,
        fixed: [Int],
        layout: TensorLayout
    ) throws -> ParameterTerm? {
        let coefficient = proximalMu + dynamicAlpha
        var correction: ParameterVector?
        if usesControlVariates {
            let own = try state.vector(ClientState.control, count: start.count)
            if control != nil || own != nil { correction = control ?? ParameterVector(zeros: start.count) }
            if let own { correction?.add(own, scale: -1) }
        }
        if dynamicAlpha > 0, let memory = try state.vector(ClientState.dynamic, count: start.count) {
            correction = memory
            correction?.scale(by: -1)
        }
        correction?.clear(fixed, of: layout)
        guard coefficient > 0 else {
            return correction.map { ParameterTerm(coefficient: 0, offset: $0) }
        }
        var offset = start
        offset.scale(by: -coefficient)
        if let correction { offset.add(correction) }
        return ParameterTerm(coefficient: coefficient, offset: offset)
    }

    /// The models that MOON compares with; nil in a client's first round, in which there is no previous one.
    func contrast(start: ParameterVector, state: ClientState) throws -> StepPlan.Contrast? {
        guard contrastMu > 0, let previous = try state.vector(ClientState.previous, count: start.count) else {
            return nil
        }
        return StepPlan.Contrast(
            global: start,
            previous: previous,
            mu: contrastMu,
            temperature: contrastTemperature
        )
    }
}
