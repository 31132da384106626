// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness

/// A client with labelled and unlabelled samples: trains, and says what its data look like.
struct OpenWorldClient {
    /// What a client sends after a round.
    struct Contribution {
        let parameters: ParameterVector
        /// How many unlabelled samples were taken for each class.
        let counts: [Int]
        /// Its features' centroids.
        let centroids: FeatureVectors
        /// The sums of its labelled features by class.
        let sums: [Int: [Float]]
    }

    /// The features that centroids are made of.
    private static let memory = 1_024
    /// The largest norm of a step's gradient.
    private static let maximumNorm = 1.0
    let table: SampleTable
    /// The classes of labelled samples; nil for unlabelled ones.
    let labels: [Int?]

    /// Trains from the global parameters.
    func train(
        _ session: ModelSession,
        _ start: ParameterVector,
        objective: OpenWorldObjective,
        scenario: OpenWorldScenario,
        seed: Seed
    ) throws -> Contribution {
        let classes = session.model.classCount
        let width = session.featureCount
        var parameters = start
        var velocity = ParameterVector(zeros: parameters.count)
        var counts = [Int](repeating: 0, count: classes)
        var (kept, sums): ([Float], [Int: [Float]]) = ([], [:])
        var generator = SeededGenerator(seed: seed.deriving("open-world-client"))
        for epoch in 0..<scenario.localEpochs {
            let order = generator.permutation(table.count)
            for first in stride(from: 0, to: order.count, by: scenario.batchSize) {
                let rows = Array(order[first..<min(first + scenario.batchSize, order.count)])
                guard rows.count > 1 else { continue }
                try session.load(parameters, statistics: .batch, seed: seed.deriving("dropout", UInt64(first)))
                try session.forward(table.compacted(rows.map { UInt32($0) }), rows: 0..<rows.count)
                let features = FeatureVectors(session.features, width: width)
                let known = rows.map { labels[$0] }
                let head = OpenWorldHead.vectors(parameters, session.model)
                let step = objective.step(
                    features,
                    head: head,
                    labels: known,
                    partners: Self.partners(features, known, &generator)
                )
                session.objective { _ in 0 }
                var gradient = session.parameterGradient(featureGradient: step.features.values)
                OpenWorldHead.add(step.head, to: &gradient, session.model)
                // Directions of short features have large gradients, which would end what a ReLU passes.
                let norm = gradient.squaredNorm.squareRoot()
                if norm > Self.maximumNorm { gradient.scale(by: Float(Self.maximumNorm / norm)) }
                velocity.scale(by: 0.9)
                velocity.add(gradient)
                parameters.add(velocity, scale: -scenario.learningRate)
                guard epoch == scenario.localEpochs - 1 else { continue }
                let answers = OpenWorldHead.answers(features, head)
                for (position, label) in known.enumerated() {
                    if let label {
                        let unit = features.picked([position]).normalized.values
                        let sum = sums[label] ?? [Float](repeating: 0, count: width)
                        sums[label] = zip(sum, unit).map { $0 + $1 }
                    } else {
                        counts[answers[position]] += 1
                    }
                }
                kept = Array((kept + features.values).suffix(Self.memory * width))
            }
        }
        return Contribution(
            parameters: parameters,
            counts: counts,
            centroids: try BalancedClusters(count: scenario.localCentroids)
                .centroids(of: FeatureVectors(kept, width: width), seed: seed),
            sums: sums
        )
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

/// The class vectors of a model: the weights of its last layer, whose biases take no part.
enum OpenWorldHead {
    private static func range(_ model: ModelArchitecture) -> Range<Int> {
        model.layout.range(of: model.layout.tensors.count - 2)
    }

    static func vectors(_ parameters: ParameterVector, _ model: ModelArchitecture) -> FeatureVectors {
        let values = parameters.section(range(model)).elements
        return FeatureVectors(values, width: values.count / model.classCount)
    }

    static func add(_ gradient: FeatureVectors, to parameters: inout ParameterVector, _ model: ModelArchitecture) {
        let start = range(model).lowerBound
        parameters.withMutableElements { elements in
            for (index, value) in gradient.values.enumerated() { elements[start + index] += value }
        }
    }

    /// The class whose vector is nearest in direction.
    static func answers(_ features: FeatureVectors, _ head: FeatureVectors) -> [Int] {
        let products = features.normalized.products(head.normalized)
        return (0..<features.count).map { row in
            let range = (row * head.count)..<((row + 1) * head.count)
            return (range.max { products[$0] < products[$1] } ?? range.lowerBound) - range.lowerBound
        }
    }
}
