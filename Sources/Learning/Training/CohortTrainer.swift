// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
public import Rounds

/// Trains the clients of a round one after the other on one thread and adds up what they change.
///
/// For simulations of many small clients: what all clients share (the packed model, the objective, the buffers) is made
/// once a round, a client's start is a copy of some kilobytes, and its update never becomes a vector of its own. Each
/// update has the bits that ``LocalTrainer`` gives it, and is added as `ck_accumulate` would:
///
///     sum[i] += coefficient * Double(trained[i] - start[i])
///
/// Sums are in the kernels' layout until ``unpack(_:)``; sum the blocks of a ``BlockFold`` with it.
public final class CohortTrainer {
    /// The model.
    public let model: ModelArchitecture
    private let network: DenseNetwork
    private var round: Round?
    private var order: [UInt32] = []

    private struct Round {
        let specification: TrainingSpecification
        let objective: any LocalObjective
        let decay: Float
        /// Whether the samples' cross-entropy is all that is minimised.
        let isPlain: Bool
    }

    /// Creates a trainer; nil for a model that is not made of dense layers.
    public convenience init?(model: ModelArchitecture) {
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        self.init(model: model, kernels: kernels)
    }

    init?(model: ModelArchitecture, kernels: DenseKernels) {
        guard !model.layers.isEmpty else { return nil }
        self.model = model
        network = DenseNetwork(model, kernels: kernels)
    }

    /// The elements of a sum: those of the model and some padding.
    public var sumCount: Int { network.packedCount }

    /// Prepares for the clients of a round.
    ///
    /// - Parameters:
    ///   - parameters: the model that all clients start from.
    ///   - specification: how they train; its trainer is `sgd`.
    ///   - objective: what they minimise; nil for what `specification.settings` says.
    /// - Throws: ``LearningError``: `shapeMismatch`, `unknownTrainer`; `unknownKey` for methods other than FedProx,
    ///   which only ``LocalTrainer`` has; `invalidSpecification`.
    public func begin(
        parameters: ParameterVector,
        specification: TrainingSpecification,
        objective: (any LocalObjective)? = nil
    ) throws {
        guard parameters.count == model.layout.elementCount else {
            throw LearningError(
                .shapeMismatch,
                "\(parameters.count) parameters do not fit a model of \(model.layout.elementCount)"
            )
        }
        guard specification.trainer == "sgd" else {
            throw LearningError(
                .unknownTrainer,
                "cohorts are trained by sgd, not by '\(specification.trainer)'; train their clients one by one"
            )
        }
        let objective = try objective ?? Self.objective(for: specification.settings)
        let term = objective.parameterTerm(start: parameters)
        network.loadStart(parameters)
        network.prepareStep(momentum: specification.momentum > 0, offset: term?.offset)
        round = Round(
            specification: specification,
            objective: objective,
            decay: Float(specification.weightDecay) + (term?.coefficient ?? 0),
            isPlain: objective is CrossEntropyObjective && specification.weightDecay == 0
        )
    }

    /// What settings ask to minimise, where plain steps can: nothing, or FedProx.
    private static func objective(for settings: [String: Double]) throws -> any LocalObjective {
        let mu = settings["proximal_mu"] ?? 0
        if let key = settings.keys.sorted().first(where: { $0 != "proximal_mu" }) {
            throw LearningError(
                .unknownKey,
                "cohorts are trained without the method of training.settings.\(key); train their clients one by one"
            )
        }
        guard mu >= 0, Float(mu).isFinite else {
            throw LearningError(.invalidSpecification, "training.settings.proximal_mu must be 0 or more, not \(mu)")
        }
        return mu > 0 ? ProximalObjective(mu: Float(mu)) : CrossEntropyObjective()
    }

    /// Trains one client and adds its change.
    ///
    /// - Parameters:
    ///   - seed: as in ``LocalTrainer``.
    ///   - coefficient: the client's factor in the mean.
    ///   - sum: ``sumCount`` elements; left as it was when the call throws.
    /// - Throws: ``LearningError``: `diverged`, `labelOutOfRange`, `shapeMismatch`, `missingData`.
    public func train(
        samples: Samples,
        seed: Seed,
        coefficient: Double,
        addingTo sum: inout [Double]
    ) throws -> TrainingOutcome {
        let all = samples.indices ?? (0..<UInt32(samples.table.count)).map { $0 }[...]
        return try samples.table.withView { view in
            try all.withUnsafeBufferPointer { rows in
                try sum.withUnsafeMutableBufferPointer { sum in
                    try train(view, rows, seed: seed, coefficient: coefficient, addingTo: sum)
                }
            }
        }
    }

    /// Trains the clients of a cohort one after the other and adds their changes.
    ///
    /// - Parameter sum: ``sumCount`` elements; meaningless when the call throws.
    /// - Returns: what each training came to.
    /// - Throws: ``LearningError``: `diverged`, `labelOutOfRange`, `shapeMismatch`, `missingData`.
    public func train(_ cohort: Cohort, addingTo sum: inout [Double]) throws -> [TrainingOutcome] {
        try cohort.table.withView { view in
            try cohort.partition.indices.withUnsafeBufferPointer { indices in
                try sum.withUnsafeMutableBufferPointer { try train(cohort, view, indices, addingTo: $0) }
            }
        }
    }

    /// Trains one client of a cohort in the caller's memory and leaves its parameters there, in the layout of a sum.
    ///
    /// Whether they are finite shows in the sum that ``addChange(of:from:times:to:)`` makes of them.
    ///
    /// - Parameter trained: ``sumCount`` elements that stay where they are until another client is trained; meaningless
    ///   when the call throws.
    /// - Throws: ``LearningError``: `diverged`, `labelOutOfRange`, `shapeMismatch`, `missingData`.
    public func train(
        _ cohort: Cohort,
        at position: Int,
        in trained: UnsafeMutableBufferPointer<Float>
    ) throws -> TrainingOutcome {
        guard let round else { preconditionFailure("a round begins before its clients train") }
        precondition(trained.count == sumCount, "a trained client has as many elements as the packed model")
        return try cohort.table.withView { view in
            try cohort.partition.indices.withUnsafeBufferPointer { indices in
                let rows = UnsafeBufferPointer(rebasing: indices[cohort.rows(position)])
                try check(view, rows)
                return try run(round, view, rows, seed: cohort.seeds[position], in: trained.baseAddress)
            }
        }
    }

    /// Adds a run of a trained client's change, `coefficient * Double(trained - start)`.
    ///
    /// - Parameters:
    ///   - trained: the run's first element, trained here or elsewhere from the round's start.
    ///   - first: its place in the layout of a sum.
    ///   - sum: the run's elements of a sum.
    public func addChange(
        of trained: UnsafePointer<Float>,
        from first: Int,
        times coefficient: Double,
        to sum: UnsafeMutableBufferPointer<Double>
    ) {
        network.addDifference(of: trained, from: first, times: coefficient, to: sum)
    }

    /// Lets go of what a batch left behind, which may not be finite after a training that failed.
    public func discardBatch() { network.discardBatch() }

    private func train(
        _ cohort: Cohort,
        _ view: SampleView,
        _ indices: UnsafeBufferPointer<UInt32>,
        addingTo sum: UnsafeMutableBufferPointer<Double>
    ) throws -> [TrainingOutcome] {
        let count = cohort.clients.count
        var outcomes: [TrainingOutcome] = []
        outcomes.reserveCapacity(count)
        for position in 0..<count {
            if position + 1 < count {
                network.prefetch(view, UnsafeBufferPointer(rebasing: indices[cohort.rows(position + 1)]))
            }
            let outcome = try train(
                view,
                UnsafeBufferPointer(rebasing: indices[cohort.rows(position)]),
                seed: cohort.seeds[position],
                coefficient: cohort.coefficients[position],
                addingTo: sum
            )
            outcomes.append(outcome)
        }
        return outcomes
    }

    private func train(
        _ view: SampleView,
        _ rows: UnsafeBufferPointer<UInt32>,
        seed: Seed,
        coefficient: Double,
        addingTo sum: UnsafeMutableBufferPointer<Double>
    ) throws -> TrainingOutcome {
        guard let round else { preconditionFailure("a round begins before its clients train") }
        precondition(sum.count == sumCount, "the sum has as many elements as the packed model")
        try check(view, rows)
        let outcome = try run(round, view, rows, seed: seed)
        guard network.addDifference(times: coefficient, to: sum) else {
            throw divergence(step: outcome.steps, round.specification)
        }
        return outcome
    }

    private func check(_ view: SampleView, _ rows: UnsafeBufferPointer<UInt32>) throws {
        guard rows.count > 0 else {
            throw LearningError(.missingData, "there are no samples to train on; give this client a part of the data")
        }
        guard view.width == model.inputCount else {
            throw LearningError(
                .shapeMismatch,
                "samples of \(view.width) values do not fit a model with \(model.inputCount) inputs"
            )
        }
        guard !view.lacksLabels else {
            throw LearningError(.missingLabel, "some samples have no label; train the clients one by one to see whose")
        }
        var largest: Int32 = 0
        for row in rows {
            precondition(Int(row) < view.labels.count, "an index lies outside the table")
            largest = max(largest, view.labels[Int(row)])
        }
        guard largest < Int32(clamping: model.classCount) else {
            throw LearningError(
                .labelOutOfRange,
                "label \(largest) is not a class of a model with \(model.classCount) classes"
            )
        }
    }

    private func run(
        _ round: Round,
        _ view: SampleView,
        _ rows: UnsafeBufferPointer<UInt32>,
        seed: Seed,
        in place: UnsafeMutablePointer<Float>? = nil
    ) throws -> TrainingOutcome {
        let specification = round.specification
        let batchSize = min(specification.batchSize, rows.count)
        let stepsPerEpoch = (rows.count + batchSize - 1) / batchSize
        let allSteps = stepsPerEpoch * specification.localEpochs
        let steps = specification.maximumSteps > 0 ? min(allSteps, specification.maximumSteps) : allSteps
        network.reserve(rows: batchSize)
        network.restart(in: place)
        if order.count < rows.count { order = [UInt32](repeating: 0, count: rows.count) }
        let isRegression = round.isPlain && network.isRegression(on: view)
        var lossSum = 0.0
        try order.withUnsafeMutableBufferPointer { buffer in
            let order = UnsafeMutableBufferPointer(rebasing: buffer[..<rows.count])
            for first in stride(from: 0, to: steps, by: stepsPerEpoch) {
                _ = order.update(fromContentsOf: rows)
                LocalTrainer.shuffle(order, seed: seed.deriving("epoch", UInt64(first / stepsPerEpoch)))
                let epoch = Epoch(
                    order: UnsafeBufferPointer(order),
                    batchSize: batchSize,
                    steps: min(stepsPerEpoch, steps - first)
                )
                let failed =
                    isRegression
                    ? network.trainRegression(
                        view,
                        epoch.order,
                        batchSize: batchSize,
                        steps: epoch.steps,
                        learningRate: Float(specification.learningRate),
                        lossSum: &lossSum
                    ) : runLayers(round, view, epoch, &lossSum)
                if let failed { throw divergence(step: first + failed, specification) }
            }
        }
        // Only the last batch of an epoch may be smaller.
        let samplesSeen = steps / stepsPerEpoch * rows.count + steps % stepsPerEpoch * batchSize
        return TrainingOutcome(
            sampleCount: rows.count,
            steps: steps,
            meanLoss: samplesSeen > 0 ? lossSum / Double(samplesSeen) : nil,
            wasStopped: false,
            samplesSeen: samplesSeen
        )
    }

    /// One pass over a client's samples.
    private struct Epoch {
        let order: UnsafeBufferPointer<UInt32>
        let batchSize: Int
        let steps: Int
    }

    /// Trains layer by layer; gives the first step, from 1, whose loss is not finite.
    private func runLayers(_ round: Round, _ view: SampleView, _ epoch: Epoch, _ lossSum: inout Double) -> Int? {
        let (order, batchSize, specification) = (epoch.order, epoch.batchSize, round.specification)
        for step in 0..<epoch.steps {
            let start = step * batchSize
            let count = min(batchSize, order.count - start)
            let coming = min(batchSize, order.count - start - count)
            network.gather(view, UnsafeBufferPointer(rebasing: order[start..<(start + count)]), coming: coming)
            network.forward(rows: count)
            let loss = round.objective.lossAndGradient(network.logitBatch(rows: count))
            guard loss.isFinite else { return step + 1 }
            network.backwardAndStep(
                rows: count,
                learningRate: Float(specification.learningRate),
                decay: round.decay,
                momentum: Float(specification.momentum)
            )
            lossSum += loss
        }
        return nil
    }

    /// The error of a training that diverged; nothing of its numbers stays in the buffers.
    private func divergence(step: Int, _ specification: TrainingSpecification) -> LearningError {
        network.discardBatch()
        return LearningError.divergence(step: step, specification)
    }

    /// A sum in the model's layout.
    public func unpack(_ sum: [Double]) -> [Double] {
        sum.withUnsafeBufferPointer { unpack($0) }
    }

    /// A sum in the model's layout.
    public func unpack(_ sum: UnsafeBufferPointer<Double>) -> [Double] {
        precondition(sum.count == sumCount, "the sum has as many elements as the packed model")
        return network.unpack(sum)
    }
}
