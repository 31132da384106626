// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
public import Rounds

/// Trains and evaluates a built-in model on one thread.
///
/// A trainer keeps its buffers between calls and allocates nothing in a step; one that has not trained holds next to no
/// memory. Use one trainer for each thread. The same arguments give the same bits in every thread and process of a
/// machine, and on all machines with fused multiply-add; results do not depend on what the trainer did before.
public final class LocalTrainer {
    /// The model.
    public let model: ModelArchitecture
    let network: any TrainableNetwork
    /// Compares features with those of fixed models; made when a method first needs it.
    var contrast: ContrastiveLoss?
    /// The tensors that stay on a client under FedBN.
    var localTensors: [Int]
    var order: [UInt32] = []

    /// Creates a trainer.
    public convenience init(model: ModelArchitecture) {
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        self.init(model: model, kernels: kernels)
    }

    /// Creates a trainer whose convolutions and dense layers run on some kernels.
    ///
    /// - Throws: ``LearningError`` with code `unknownTrainer` where this program was built without them.
    public convenience init(model: ModelArchitecture, on training: TrainingKernels) throws {
        try training.check()
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        self.init(model: model, kernels: kernels, training: training)
    }

    init(
        model: ModelArchitecture,
        kernels: DenseKernels,
        convolution: ConvolutionKernels? = nil,
        training: TrainingKernels = .own
    ) {
        self.model = model
        network = model.makeNetwork(kernels, convolution: convolution, kernels: training)
        localTensors = model.layout.localTensors
    }

    /// Trains as ``train(parameters:samples:specification:objective:seed:into:onStep:)`` and returns the change as a
    /// vector.
    public func train(
        parameters: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        objective: (any LocalObjective)? = nil,
        seed: Seed,
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> (delta: ParameterVector, outcome: TrainingOutcome) {
        var delta = ParameterVector(zeros: parameters.count)
        let outcome = try delta.withMutableElements { elements in
            try train(
                parameters: parameters,
                samples: samples,
                specification: specification,
                objective: objective,
                seed: seed,
                into: elements,
                onStep: onStep
            )
        }
        return (delta, outcome)
    }

    /// Trains from `parameters` on the samples and writes the change of the parameters.
    ///
    /// Each local epoch visits the samples in a new order, drawn from the seed. A step follows PyTorch's `SGD`:
    ///
    ///     g = gradient + weight_decay * w;  v = momentum * v + g;  w -= learning_rate * v      (v = 0 at first)
    ///
    /// - Parameters:
    ///   - objective: what to minimise; nil for what `specification.settings` says, see ``ClientMethods``.
    ///   - delta: takes `trained - parameters`, as many elements as the model has.
    ///   - onStep: called after each step; returning false ends the training, with the change so far as its result.
    /// - - Throws: ``LearningError``: `diverged` where the loss or the change is not finite (the contents of `delta`
    ///   are then meaningless), `labelOutOfRange`, `shapeMismatch`, `missingData` without samples, `unknownTrainer`,
    ///   `unknownKey`, `invalidSpecification` for settings out of range or of a method that keeps state.
    public func train(
        parameters: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        objective: (any LocalObjective)? = nil,
        seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>,
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> TrainingOutcome {
        guard let objective else {
            return try trainWithoutState(
                parameters: parameters,
                samples: samples,
                specification: specification,
                seed: seed,
                into: delta,
                onStep: onStep
            )
        }
        guard try begin(parameters, samples, specification, into: delta) else { return .nothing(samples) }
        let outcome = try run(
            from: parameters,
            samples: samples,
            specification: specification,
            plan: StepPlan(
                objective: objective,
                term: objective.parameterTerm(start: parameters),
                epochs: specification.localEpochs
            ),
            seed: seed,
            onStep: onStep
        )
        try writeDelta(from: parameters, into: delta, steps: outcome.steps, specification)
        return outcome
    }

    /// Evaluates parameters on samples.
    ///
    /// The outcome of a set of samples does not depend on how it is cut into calls, apart from the rounding of the
    /// summed loss.
    ///
    /// - Throws: ``LearningError``: `diverged` where the loss is not finite, `labelOutOfRange`, `shapeMismatch`,
    ///   `unknownTrainer` for a `vector`.
    public func evaluate(parameters: ParameterVector, samples: Samples) throws -> EvaluationOutcome {
        try evaluate(parameters: parameters, each: [samples])[0]
    }

    /// Scores a model on each of some sets of samples, as one by one; it is brought into the network's layout once.
    ///
    /// - Throws: as ``evaluate(parameters:samples:)``.
    public func evaluate(parameters: ParameterVector, each sets: [Samples]) throws -> [EvaluationOutcome] {
        try check(parameters)
        guard model.isTrainable else {
            throw LearningError(.unknownTrainer, "a model of kind \(model.kind) cannot be evaluated")
        }
        for samples in sets { try samples.check(against: model) }
        network.load(parameters)
        network.reserve(rows: min(network.evaluationRows, max(sets.map(\.count).max() ?? 0, 1)))
        return try sets.map(evaluate)
    }

    /// Scores the loaded model.
    private func evaluate(_ samples: Samples) throws -> EvaluationOutcome {
        let evaluationRows = network.evaluationRows
        var outcome = EvaluationOutcome(sampleCount: samples.count, correctCount: 0, lossSum: 0)
        for start in stride(from: 0, to: samples.count, by: evaluationRows) {
            let rows = min(evaluationRows, samples.count - start)
            network.gather(samples.table, rows: rows) { samples.index(at: start + $0) }
            network.forward(rows: rows)
            outcome.lossSum += network.evaluate(rows: rows, correct: &outcome.correctCount)
        }
        guard outcome.lossSum.isFinite else {
            throw LearningError(.diverged, "the model's loss is not finite; lower training.learning_rate")
        }
        return outcome
    }

    func check(_ parameters: ParameterVector) throws {
        guard parameters.count == model.layout.elementCount else {
            throw LearningError(
                .shapeMismatch,
                "\(parameters.count) parameters do not fit a model of \(model.layout.elementCount); "
                    + "coordinator and agent must use the same job file"
            )
        }
    }

    /// The error of a training that diverged; nothing of its numbers stays in the network.
    func divergence(step: Int, _ specification: TrainingSpecification) -> LearningError {
        network.discardBuffers()
        return LearningError.divergence(step: step, specification)
    }
}
