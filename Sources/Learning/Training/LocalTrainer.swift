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
    private let network: DenseNetwork
    private var order: [UInt32] = []

    /// Creates a trainer.
    public convenience init(model: ModelArchitecture) {
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        self.init(model: model, kernels: kernels)
    }

    init(model: ModelArchitecture, kernels: DenseKernels) {
        self.model = model
        network = DenseNetwork(model, kernels: kernels)
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
    ///   - objective: what to minimise; nil for what `specification.settings` says (`proximal_mu` for FedProx).
    ///   - delta: takes `trained - parameters`, as many elements as the model has.
    ///   - onStep: called after each step; returning false ends the training, with the change so far as its result.
    /// - - Throws: ``LearningError``: `diverged` where the loss or the change is not finite (the contents of `delta`
    ///   are then meaningless), `labelOutOfRange`, `shapeMismatch`, `missingData` without samples, `unknownTrainer`,
    ///   `unknownKey`.
    public func train(
        parameters: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        objective: (any LocalObjective)? = nil,
        seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>,
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> TrainingOutcome {
        try check(parameters)
        precondition(delta.count == parameters.count, "the change has as many elements as the model")
        switch specification.trainer {
        case "none":
            delta.update(repeating: 0)
            return TrainingOutcome(sampleCount: samples.count, steps: 0, meanLoss: nil, wasStopped: false)
        case "sgd":
            break
        default:
            throw LearningError(
                .unknownTrainer,
                "trainer '\(specification.trainer)' is not built in; built in: none, sgd"
            )
        }
        guard !model.layers.isEmpty else {
            throw LearningError(
                .unknownTrainer,
                "a model of kind \(model.kind) cannot be trained; set training.trainer to none"
            )
        }
        guard samples.count > 0 else {
            throw LearningError(.missingData, "there are no samples to train on; give this client a part of the data")
        }
        try samples.check(against: model)
        let objective = try objective ?? LocalObjectives.objective(for: specification.settings)
        let outcome = try run(
            parameters: parameters,
            samples: samples,
            specification: specification,
            objective: objective,
            seed: seed,
            onStep: onStep
        )
        network.writeDifference(from: parameters, into: delta)
        guard UnsafeBufferPointer(delta).isFinite else {
            throw divergence(step: outcome.steps, specification)
        }
        return outcome
    }

    private func run(
        parameters: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        objective: any LocalObjective,
        seed: Seed,
        onStep: (TrainingProgress) -> Bool
    ) throws -> TrainingOutcome {
        let batchSize = min(specification.batchSize, samples.count)
        let stepsPerEpoch = (samples.count + batchSize - 1) / batchSize
        let allSteps = stepsPerEpoch * specification.localEpochs
        let plannedSteps = specification.maximumSteps > 0 ? min(allSteps, specification.maximumSteps) : allSteps
        let term = objective.parameterTerm(start: parameters)
        let decay = Float(specification.weightDecay) + (term?.coefficient ?? 0)
        network.load(parameters)
        network.prepareStep(momentum: specification.momentum > 0, offset: term?.offset)
        network.reserve(rows: batchSize)
        var step = 0
        var samplesSeen = 0
        var lossSum = 0.0
        var wasStopped = false
        while step < plannedSteps, !wasStopped {
            if step % stepsPerEpoch == 0 {
                shuffle(samples, seed: seed.deriving("epoch", UInt64(step / stepsPerEpoch)))
            }
            let start = step % stepsPerEpoch * batchSize
            let rows = min(batchSize, samples.count - start)
            order.withUnsafeBufferPointer { order in
                network.gather(samples.table, rows: rows) { order[start + $0] }
            }
            network.forward(rows: rows)
            let loss = objective.lossAndGradient(network.logitBatch(rows: rows))
            step += 1
            guard loss.isFinite else { throw divergence(step: step, specification) }
            network.backwardAndStep(
                rows: rows,
                learningRate: Float(specification.learningRate),
                decay: decay,
                momentum: Float(specification.momentum)
            )
            lossSum += loss
            samplesSeen += rows
            let progress = TrainingProgress(step: step, plannedSteps: plannedSteps, samplesSeen: samplesSeen)
            wasStopped = !onStep(progress) && step < plannedSteps
        }
        return TrainingOutcome(
            sampleCount: samples.count,
            steps: step,
            meanLoss: lossSum / Double(samplesSeen),
            wasStopped: wasStopped
        )
    }

    /// Draws the order of one local epoch (Fisher and Yates).
    private func shuffle(_ samples: Samples, seed: Seed) {
        let count = samples.count
        order.removeAll(keepingCapacity: true)
        if let indices = samples.indices {
            order.append(contentsOf: indices)
        } else {
            order.append(contentsOf: 0..<UInt32(truncatingIfNeeded: count))
        }
        var generator = SeededGenerator(seed: seed)
        order.withUnsafeMutableBufferPointer { order in
            var last = count - 1
            while last > 0 {
                order.swapAt(last, generator.below(last + 1))
                last -= 1
            }
        }
    }

    /// Evaluates parameters on samples.
    ///
    /// The outcome of a set of samples does not depend on how it is cut into calls, apart from the rounding of the
    /// summed loss.
    ///
    /// - Throws: ``LearningError``: `diverged` where the loss is not finite, `labelOutOfRange`, `shapeMismatch`,
    ///   `unknownTrainer` for a `vector`.
    public func evaluate(parameters: ParameterVector, samples: Samples) throws -> EvaluationOutcome {
        try check(parameters)
        guard !model.layers.isEmpty else {
            throw LearningError(.unknownTrainer, "a model of kind \(model.kind) cannot be evaluated")
        }
        try samples.check(against: model)
        let evaluationRows = 256
        network.load(parameters)
        network.reserve(rows: min(evaluationRows, max(samples.count, 1)))
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

    private func check(_ parameters: ParameterVector) throws {
        guard parameters.count == model.layout.elementCount else {
            throw LearningError(
                .shapeMismatch,
                "\(parameters.count) parameters do not fit a model of \(model.layout.elementCount); "
                    + "coordinator and agent must use the same job file"
            )
        }
    }

    private func divergence(step: Int, _ specification: TrainingSpecification) -> LearningError {
        LearningError(
            .diverged,
            "training diverged in step \(step) (the loss or the parameters are not finite); "
                + "lower training.learning_rate, now \(specification.learningRate)"
        )
    }
}
