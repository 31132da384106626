// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModelState
import Testing

@testable import Aggregation

/// Rules and optimizers for updates that started from older models.
struct StaleUpdateTests {
    private func set(_ updates: [[Float]], ages: [Int], weights: [Double]? = nil) throws -> MemoryUpdateSet {
        try MemoryUpdateSet(
            layout: TensorLayout([.init(name: "w", shape: [updates[0].count])]),
            updates: updates.map { ParameterVector($0) },
            weights: weights ?? updates.map { _ in 1 },
            metadata: ages.map { UpdateMetadata(staleness: $0) }
        )
    }

    private func run(
        _ strategy: AggregationStrategy,
        _ set: MemoryUpdateSet,
        _ state: inout AggregationStrategy.State
    )
        throws -> [Double]
    {
        var change = [Double](repeating: .nan, count: set.layout.elementCount)
        try strategy.step(set, state: &state) { start, values in
            for (index, value) in values.enumerated() { change[start + index] = value }
        }
        return change
    }

    private func isClose(_ left: [Double], _ right: [Double], _ tolerance: Double = 1e-6) -> Bool {
        zip(left, right).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
    }

    @Test func fedbuffWeighsByStalenessWithoutNormalising() throws {
        let set = try set([[1, 2], [4, -4]], ages: [0, 3], weights: [9, 1])
        let plain = try AggregationRegistry.rule(named: "fedbuff").aggregate(set)
        // 1/2 (1 * (1, 2) + 1/2 * (4, -4))
        #expect(isClose(plain, [1.5, 0]))
        let weighted = try AggregationRegistry.rule(named: "fedbuff", settings: ["weighted": 1]).aggregate(set)
        #expect(isClose(weighted, [0.9 + 0.1 * 0.5 * 4, 1.8 - 0.1 * 0.5 * 4]))
        let hinge = try AggregationRegistry.rule(named: "fedbuff", settings: ["hinge-a": 2, "hinge-b": 1]).aggregate(
            set
        )
        #expect(isClose(hinge, [0.5 * (1 + 4.0 / 5), 0.5 * (2 - 4.0 / 5)]))
    }

    /// The models themselves are mixed here, in double precision.
    @Test func fedasyncMixesTheClientsModelIntoTheGlobalOne() throws {
        let strategy = try AggregationRegistry.strategy(rule: "fedasync", settings: ["alpha": 0.6, "memory": 4])
        var state = AggregationStrategy.State()
        var models: [[Double]] = [[0.5, -1]]
        let deltas: [[Float]] = [[1, 2], [-3, 0.25], [0.125, 1], [2, -2], [1, 1], [-0.5, 4]]
        let ages = [0, 1, 0, 3, 2, 4]
        for (delta, age) in zip(deltas, ages) {
            let now = models[models.count - 1]
            let base = models[models.count - 1 - age]
            let share = 0.6 * pow(1 + Double(age), -0.5)
            let trained = zip(base, delta).map { $0 + Double($1) }
            let mixed = zip(now, trained).map { (1 - share) * $0 + share * $1 }
            let change = try run(strategy, set([delta], ages: [age]), &state)
            #expect(isClose(zip(now, change).map { $0 + $1 }, mixed), "age \(age)")
            models.append(mixed)
        }
        #expect(state.rule.vectors.count == 4, "it remembers no more than it may need")
    }

    @Test func fedasyncRefusesSharesBeyondOne() {
        for alpha in [0, -0.1, 1.5, .nan] {
            #expect(throws: AggregationError.self) {
                try AggregationRegistry.rule(named: "fedasync", settings: ["alpha": alpha])
            }
        }
    }

    @Test func theOuterClipReallyClips() throws {
        let strategy = try AggregationRegistry.strategy(
            rule: "fedavg",
            optimizer: "co2",
            settings: ["beta": 0.5, "clip": 1, "lr": 2]
        )
        var state = AggregationStrategy.State()
        #expect(isClose(try run(strategy, set([[0.25, 4, -3]], ages: [0]), &state), [0.5, 2, -2]))
        // The momentum itself is not clipped: 0.5 * (0.25, 4, -3) + 0.
        #expect(isClose(try run(strategy, set([[0, 0, 0]], ages: [1]), &state), [0.25, 2, -2]))
    }

    @Test func theGapGrowsWithWhatMovedMeanwhile() throws {
        let strategy = try AggregationRegistry.strategy(
            rule: "fedavg",
            optimizer: "co2",
            settings: ["beta": 0, "clip": 100, "gap": 1]
        )
        var state = AggregationStrategy.State()
        #expect(isClose(try run(strategy, set([[3, 4]], ages: [0]), &state), [3, 4]), "nothing moved before")
        // The gap is 1 + 5 / 10.
        #expect(isClose(try run(strategy, set([[6, 8]], ages: [1]), &state), [4, 16.0 / 3]))
    }
}
