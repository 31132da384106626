// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
public import Randomness
public import Rounds

/// A client of a FedoSSL job: trains on samples with and without labels, and says what its data look like.
///
/// After Zhang and others 2023. Steps are those of SGD with momentum and weight decay on ``OpenWorldObjective``, each
/// gradient cut to the norm 1. Beside the change of the model a client gives what ``OpenWorldTensors`` has: no mean of
/// fewer than ``smallestGroup`` samples and no more clusters than groups of so many, for those of one sample would be
/// its own features.
public struct OpenWorldTraining: Sendable {
    /// The least samples of which a mean or a cluster is told.
    public static let smallestGroup = 8
    /// The features, the newest ones, that clusters are made of.
    private static let memory = 1_024
    /// The largest norm of a step's gradient: directions of short features have large ones, which would end what a
    /// ReLU passes.
    private static let largestNorm = 1.0

    private let model: ModelArchitecture
    private let specification: TrainingSpecification
    private let settings: OpenWorldSettings
    private let tensors: OpenWorldTensors
    private let round: Int

    /// Prepares the work of a round, from 1.
    public init(
        model: ModelArchitecture,
        specification: TrainingSpecification,
        settings: OpenWorldSettings,
        tensors: OpenWorldTensors,
        round: Int
    ) {
        self.model = model
        self.specification = specification
        self.settings = settings
        self.tensors = tensors
        self.round = round
    }

    /// What the last pass over the samples shows of them.
    private struct Observations {
        var counts: [Int]
        var sums: [Float]
        var labelled: [Int]
        var features: [Float] = []
    }

    /// Trains.
    ///
    /// - Parameters:
    ///   - base: the vector that travelled.
    ///   - delta: as many elements; overwritten.
    ///   - onStep: called after each step; returning false ends the training.
    /// - Throws: ``LearningError``: `diverged`, `missingData`, `shapeMismatch`, `labelOutOfRange`, `unknownTrainer`;
    ///   ``AdaptationError`` for a model that it cannot work on.
    public func train(
        from base: ParameterVector,
        samples: Samples,
        seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>,
        onStep: (TrainingProgress) -> Bool
    ) throws -> TrainingOutcome {
        precondition(delta.count == base.count && base.count == tensors.clusters.upperBound, "a job's own vectors")
        delta.update(repeating: 0)
        if specification.trainer == "none" {
            return TrainingOutcome(sampleCount: samples.count, steps: 0, meanLoss: nil, wasStopped: false)
        }
        guard specification.trainer == "sgd", specification.localEpochs >= 1 else {
            throw LearningError(.unknownTrainer, "FedoSSL trains with sgd for 1 epoch or more; set training.trainer")
        }
        guard samples.count > 1 else {
            throw LearningError(
                .missingData,
                "FedoSSL compares samples, and this client has \(samples.count); give it 2"
            )
        }
        let session = try ModelSession(model: model)
        let start = base.section(0..<tensors.first)
        var parameters = start
        var observations = Observations(
            counts: [Int](repeating: 0, count: tensors.classes),
            sums: [Float](repeating: 0, count: tensors.means.count),
            labelled: [Int](repeating: 0, count: tensors.seenClasses)
        )
        let outcome = try run(session, &parameters, objective(base), samples, seed, &observations, onStep)
        parameters.withElements { trained in
            start.withElements { start in
                for index in 0..<tensors.first { delta[index] = trained[index] - start[index] }
            }
        }
        try write(observations, samples.count, seed, into: delta)
        guard parameters.isFinite, delta.allSatisfy(\.isFinite) else {
            throw LearningError.divergence(step: outcome.steps, specification)
        }
        return outcome
    }

    /// What is minimised in this round, by what came with the model.
    private func objective(_ base: ParameterVector) -> OpenWorldObjective {
        var objective = OpenWorldObjective()
        objective.usesUnlabelled = settings.usesUnlabelled && round > settings.supervisedRounds
        let weights = base.section(tensors.weights).elements
        if settings.suppression > 0, weights.contains(where: { $0 > 0 }) {
            objective.suppression = settings.suppression
            objective.classWeights = weights
        }
        let centroids = base.section(tensors.centroids).elements
        if settings.alignment > 0, centroids.contains(where: { $0 != 0 }) {
            objective.alignment = settings.alignment
            objective.centroids = FeatureVectors(centroids, width: tensors.width).normalized
            objective.clusterFloor = round > settings.warmUpRounds + 2 ? settings.clusterFloor : .infinity
        }
        return objective
    }

    private func run(
        _ session: ModelSession,
        _ parameters: inout ParameterVector,
        _ objective: OpenWorldObjective,
        _ samples: Samples,
        _ seed: Seed,
        _ observations: inout Observations,
        _ onStep: (TrainingProgress) -> Bool
    ) throws -> TrainingOutcome {
        var velocity = ParameterVector(zeros: parameters.count)
        var generator = SeededGenerator(seed: seed.deriving("open-world"))
        let (epochs, planned) = (specification.localEpochs, plannedSteps(samples.count))
        var (step, seen, lossSum) = (0, 0, 0.0)
        func outcome(stopped: Bool) -> TrainingOutcome {
            TrainingOutcome(
                sampleCount: samples.count,
                steps: step,
                meanLoss: seen > 0 ? lossSum / Double(seen) : nil,
                wasStopped: stopped,
                samplesSeen: seen
            )
        }
        for epoch in 0..<epochs {
            let order = generator.permutation(samples.count)
            for first in stride(from: 0, to: order.count, by: specification.batchSize) where step < planned {
                let rows = Array(order[first..<min(first + specification.batchSize, order.count)])
                // A sample alone has no other to be compared with.
                guard rows.count > 1 else { continue }
                let batch = samples.picked(rows)
                try session.load(parameters, statistics: .batch, seed: seed.deriving("dropout", UInt64(step)))
                try session.forward(batch)
                let features = FeatureVectors(session.features, width: tensors.width)
                let head = OpenWorldHead.vectors(parameters, model)
                let labels = rows.indices.map { batch.label(at: $0) }
                let result = objective.step(
                    features,
                    head: head,
                    labels: labels,
                    partners: Self.partners(features, labels, &generator)
                )
                if epoch == epochs - 1 { note(features, head, labels, &observations) }
                move(&parameters, &velocity, session, result)
                (step, seen) = (step + 1, seen + rows.count)
                lossSum += result.loss * Double(rows.count)
                let progress = TrainingProgress(step: step, plannedSteps: planned, samplesSeen: seen)
                guard onStep(progress) else { return outcome(stopped: true) }
            }
        }
        return outcome(stopped: false)
    }

    private func plannedSteps(_ count: Int) -> Int {
        let (whole, rest) = count.quotientAndRemainder(dividingBy: specification.batchSize)
        let steps = (whole + (rest > 1 ? 1 : 0)) * specification.localEpochs
        return specification.maximumSteps > 0 ? min(steps, specification.maximumSteps) : steps
    }

    /// A step of SGD with momentum and decay.
    private func move(
        _ parameters: inout ParameterVector,
        _ velocity: inout ParameterVector,
        _ session: ModelSession,
        _ result: OpenWorldObjective.Step
    ) {
        session.objective { _ in 0 }
        var gradient = session.parameterGradient(featureGradient: result.features.values)
        OpenWorldHead.add(result.head, to: &gradient, model)
        let norm = gradient.squaredNorm.squareRoot()
        if norm > Self.largestNorm { gradient.scale(by: Float(Self.largestNorm / norm)) }
        if specification.weightDecay > 0 {
            var decayed = parameters
            decayed.clear(
                model.layout.tensors.indices.filter { model.layout.tensors[$0].role == .buffer },
                model.layout
            )
            gradient.add(decayed, scale: Float(specification.weightDecay))
        }
        velocity.scale(by: Float(specification.momentum))
        velocity.add(gradient)
        session.moveStatistics(of: &parameters)
        parameters.add(velocity, scale: -Float(specification.learningRate))
    }

    private func note(
        _ features: FeatureVectors,
        _ head: FeatureVectors,
        _ labels: [Int?],
        _ observations: inout Observations
    ) {
        let unit = features.normalized
        let answers = OpenWorldHead.answers(unit.products(head.normalized), classes: tensors.classes)
        for (row, label) in labels.enumerated() {
            guard let label else {
                observations.counts[answers[row]] += 1
                continue
            }
            // A label above the seen classes takes part in the training, not in the naming of clusters.
            guard label < tensors.seenClasses else { continue }
            observations.labelled[label] += 1
            for (index, value) in unit[row].enumerated() { observations.sums[label * tensors.width + index] += value }
        }
        observations.features = Array(
            (observations.features + features.values).suffix(Self.memory * tensors.width)
        )
    }

    /// Writes what travels beside the change of the model.
    private func write(
        _ observations: Observations,
        _ sampleCount: Int,
        _ seed: Seed,
        into delta: UnsafeMutableBufferPointer<Float>
    ) throws {
        for (label, count) in observations.counts.enumerated() {
            delta[tensors.weights.lowerBound + label] = Float(count) / Float(sampleCount)
        }
        for (label, count) in observations.labelled.enumerated() where count >= Self.smallestGroup {
            for index in (label * tensors.width)..<((label + 1) * tensors.width) {
                delta[tensors.means.lowerBound + index] = observations.sums[index] / Float(count)
            }
        }
        let features = FeatureVectors(observations.features, width: tensors.width)
        let count = min(tensors.clusterCount, features.count / Self.smallestGroup)
        guard count >= 1 else { return }
        let clusters = try BalancedClusters(count: count).centroids(of: features, seed: seed)
        for (index, value) in clusters.values.enumerated() { delta[tensors.clusters.lowerBound + index] = value }
    }

    /// Another labelled row of the class, or the nearest other row of an unlabelled one.
    static func partners(
        _ features: FeatureVectors,
        _ labels: [Int?],
        _ generator: inout SeededGenerator
    ) -> [Int] {
        let unit = features.normalized
        let products = unit.products(unit)
        let count = features.count
        return labels.indices.map { row in
            if let label = labels[row] {
                let others = labels.indices.filter { $0 != row && labels[$0] == label }
                return others.isEmpty ? row : others[generator.below(others.count)]
            }
            var best = row
            for other in 0..<count where other != row {
                if best == row || products[row * count + other] > products[row * count + best] { best = other }
            }
            return best
        }
    }
}

extension ParameterVector {
    /// Sets the elements of some tensors to zero.
    fileprivate mutating func clear(_ tensors: [Int], _ layout: TensorLayout) {
        withMutableElements { elements in
            for tensor in tensors { elements[layout.range(of: tensor)].update(repeating: 0) }
        }
    }
}
