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
            decay: Float(specification.weightDecay) + (term?.coefficient ?? 0)
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

    /// Asks for a client's samples to be brought near: worth it while another client trains.
    public func prefetch(_ samples: Samples) {
        guard let indices = samples.indices, samples.table.featureCount == model.inputCount else { return }
        network.prefetch(samples.table, indices)
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
        guard let round else { preconditionFailure("a round begins before its clients train") }
        precondition(sum.count == sumCount, "the sum has as many elements as the packed model")
        guard samples.count > 0 else {
            throw LearningError(.missingData, "there are no samples to train on; give this client a part of the data")
        }
        try samples.check(against: model)
        let outcome = try run(round, samples: samples, seed: seed)
        let isFinite = sum.withUnsafeMutableBufferPointer { sum in
            network.addDifference(times: coefficient, to: sum)
        }
        guard isFinite else { throw divergence(step: outcome.steps, round.specification) }
        return outcome
    }

    private func run(_ round: Round, samples: Samples, seed: Seed) throws -> TrainingOutcome {
        let specification = round.specification
        let batchSize = min(specification.batchSize, samples.count)
        let stepsPerEpoch = (samples.count + batchSize - 1) / batchSize
        let allSteps = stepsPerEpoch * specification.localEpochs
        let steps = specification.maximumSteps > 0 ? min(allSteps, specification.maximumSteps) : allSteps
        network.reserve(rows: batchSize)
        network.restart()
        var samplesSeen = 0
        var lossSum = 0.0
        for step in 0..<steps {
            if step % stepsPerEpoch == 0 {
                let epoch = seed.deriving("epoch", UInt64(step / stepsPerEpoch))
                LocalTrainer.shuffle(&order, samples, seed: epoch)
            }
            let start = step % stepsPerEpoch * batchSize
            let rows = min(batchSize, samples.count - start)
            order.withUnsafeBufferPointer { order in
                network.gather(samples.table, rows: rows) { order[start + $0] }
            }
            network.forward(rows: rows)
            let loss = round.objective.lossAndGradient(network.logitBatch(rows: rows))
            guard loss.isFinite else { throw divergence(step: step + 1, specification) }
            network.backwardAndStep(
                rows: rows,
                learningRate: Float(specification.learningRate),
                decay: round.decay,
                momentum: Float(specification.momentum)
            )
            lossSum += loss
            samplesSeen += rows
        }
        return TrainingOutcome(
            sampleCount: samples.count,
            steps: steps,
            meanLoss: samplesSeen > 0 ? lossSum / Double(samplesSeen) : nil,
            wasStopped: false
        )
    }

    /// The error of a training that diverged; nothing of its numbers stays in the buffers.
    private func divergence(step: Int, _ specification: TrainingSpecification) -> LearningError {
        network.discardBatch()
        return LearningError.divergence(step: step, specification)
    }

    /// A sum in the model's layout.
    public func unpack(_ sum: [Double]) -> [Double] {
        precondition(sum.count == sumCount, "the sum has as many elements as the packed model")
        return network.unpack(sum)
    }
}
