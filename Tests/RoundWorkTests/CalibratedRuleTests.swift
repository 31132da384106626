// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Learning
import ModelState
import Randomness
import Rounds
import Testing

@testable import RoundWork

/// FedoSSL's server: what it makes of what clients say of their data, be it true or not.
@Suite struct CalibratedRuleTests {
    private static let (classes, seen, width, clusters) = (3, 2, 4, 2)
    private let layout: TensorLayout
    private let tensors: OpenWorldTensors

    init() throws {
        layout = try TensorLayout(
            [.init(name: "weight", shape: [3, 4])]
                + OpenWorldTensors.tensors(
                    classes: Self.classes,
                    seenClasses: Self.seen,
                    width: Self.width,
                    clusterCount: Self.clusters
                )
        )
        tensors = try #require(OpenWorldTensors(of: layout))
    }

    /// An update: shares by class, means by seen class, clusters.
    private func update(
        _ seed: UInt64,
        shares: [Float] = [0.5, 0.25, 0.25],
        means: [[Float]] = [[1, 0, 0, 0], [0, 1, 0, 0]],
        clusters: [[Float]] = [[1, 0, 0, 0.1], [0, 1, 0.1, 0]]
    ) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(seed))
        var vector = ParameterVector((0..<layout.elementCount).map { _ in Float(generator.normal()) })
        vector.withMutableElements { elements in
            for (index, value) in shares.enumerated() { elements[tensors.weights.lowerBound + index] = value }
            for (index, value) in means.joined().enumerated() { elements[tensors.means.lowerBound + index] = value }
            for (index, value) in clusters.joined().enumerated() {
                elements[tensors.clusters.lowerBound + index] = value
            }
        }
        return vector
    }

    private func rule(round: UInt32, _ settings: [String: Double] = [:]) throws -> CalibratedRule {
        let all = settings.merging(["fedossl": 1, "fedossl_warm_up": 2]) { $1 }
        let methods = try #require(try ClientMethods(settings: all).openWorld)
        return CalibratedRule(FederatedAveraging(), modelTensorCount: 1, settings: methods, round: RoundNumber(round))
    }

    /// The model's vector after a round, as the fold makes it.
    private func fold(
        _ updates: [ParameterVector],
        weights: [Double]? = nil,
        round: UInt32,
        from current: ParameterVector? = nil,
        state: inout AggregationStrategy.State,
        settings: [String: Double] = [:],
        serverLearningRate: Double = 1
    ) throws -> [Float] {
        let set = try MemoryUpdateSet(layout: layout, updates: updates, weights: weights)
        var next = ParameterVector(zeros: layout.elementCount)
        let strategy = AggregationStrategy(rule: try rule(round: round, settings))
        try ModelFold(strategy, serverLearningRate: serverLearningRate).fold(
            set,
            current: current ?? ParameterVector(zeros: layout.elementCount),
            state: &state,
            into: &next
        )
        return next.elements
    }

    @Test func theModelsTensorsAreTheRulesOwn() throws {
        var state = AggregationStrategy.State()
        let updates = [update(1), update(2)]
        let next = try fold(updates, round: 1, state: &state, serverLearningRate: 0.5)
        for index in 0..<12 {
            let mean = (Double(updates[0].elements[index]) + Double(updates[1].elements[index])) / 2
            #expect(abs(Double(next[index]) - 0.5 * mean) < 1e-6)
        }
        // What travels beside it is no direction: no rate scales it.
        #expect(next[tensors.weights.lowerBound] == 1)
    }

    @Test func frequentClassesWeighMore() throws {
        var state = AggregationStrategy.State()
        let updates = [
            update(1, shares: [0.5, 0.5, 0]), update(2, shares: [0.5, 0, 0.5]),
        ]
        let next = try fold(updates, weights: [300, 100], round: 1, state: &state)
        // Counts 200, 150, 50: base ^ (1 - N / 200) with base 0.2.
        let weights = Array(next[tensors.weights])
        for (weight, expected) in zip(weights, [1, 0.668_740_3, 0.299_069_7]) {
            #expect(abs(Double(weight) - expected) < 1e-6)
        }
    }

    @Test func noClientCountsForMoreThanItsSamples() throws {
        var (honest, hostile) = (AggregationStrategy.State(), AggregationStrategy.State())
        let one = try fold([update(1, shares: [1, 0, 0]), update(2)], round: 1, state: &honest)
        let other = try fold([update(1, shares: [1e30, -5, 0]), update(2)], round: 1, state: &hostile)
        #expect(one[tensors.weights] == other[tensors.weights])
    }

    @Test func centroidsBeginWithTheWarmUpAndSeenClassesGetTheirs() throws {
        var state = AggregationStrategy.State()
        let updates = [
            update(1, clusters: [[1, 0, 0, 0.1], [0, 1, 0.1, 0]]),
            update(2, clusters: [[0, 0, 1, 0], [0.9, 0.1, 0, 0]]),
        ]
        let first = try fold(updates, round: 1, state: &state)
        #expect(first[tensors.centroids].allSatisfy { $0 == 0 })
        let second = try fold(updates, round: 2, from: ParameterVector(first), state: &state)
        let centroids = (0..<3).map {
            Array(second[tensors.centroids][(tensors.centroids.lowerBound + 4 * $0)...].prefix(4))
        }
        for centroid in centroids { #expect(abs(centroid.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4) }
        #expect(centroids[0][0] > 0.8 && centroids[1][1] > 0.8 && centroids[2][2] > 0.8)
        // What is remembered is what travels, to the bit, and the next round begins with it.
        #expect(state.rule.vectors["fedossl"]?.elements == Array(second[tensors.first...]))
        let third = try fold(updates, round: 3, from: ParameterVector(second), state: &state)
        #expect(state.rule.vectors["fedossl"]?.elements == Array(third[tensors.first...]))
        var off = AggregationStrategy.State()
        let without = try fold(updates, round: 5, state: &off, settings: ["fedossl_alignment": 0])
        #expect(without[tensors.centroids].allSatisfy { $0 == 0 })
    }

    @Test func tooFewClustersLeaveTheCentroidsAsTheyAre() throws {
        var state = AggregationStrategy.State()
        let updates = [update(1), update(2, clusters: [[0, 0, 1, 0], [1, 0, 0, 0]])]
        let before = try fold(updates, round: 2, state: &state)
        let silent = [
            update(3, clusters: [[0, 0, 0, 0], [0, 0, 0, 0]]), update(4, clusters: [[1, 0, 0, 0], [0, 0, 0, 0]]),
        ]
        let after = try fold(silent, round: 3, from: ParameterVector(before), state: &state)
        #expect(after[tensors.centroids] == before[tensors.centroids])
    }

    /// One client's word, however loud, does not take a seen class's seat from the others'.
    @Test func aLoudMeanCountsLikeAnyOther() throws {
        var (quiet, loud) = (AggregationStrategy.State(), AggregationStrategy.State())
        func updates(_ size: Float) -> [ParameterVector] {
            [
                update(1, clusters: [[1, 0, 0, 0], [0, 1, 0, 0]]),
                update(2, clusters: [[0, 0, 1, 0], [0, 1, 0.1, 0]]),
                update(3, means: [[0, 0, size, 0], [0, size, 0, 0]]),
            ]
        }
        let one = try fold(updates(1), round: 2, state: &quiet)
        #expect(try fold(updates(1e30), round: 2, state: &loud) == one)
    }
}
