// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import Testing

/// What holds for a rule whatever the updates.
@Suite struct RulePropertyTests {
    struct Plan: CustomTestStringConvertible {
        let rule: String
        var settings: [String: Double] = [:]
        var pre: [String] = []
        /// Whether adding a vector to all updates adds it to the result.
        var translates = true
        /// Whether scaling all updates scales the result.
        var scales = true

        var testDescription: String { (pre + [rule]).joined(separator: "+") }

        func run(_ rows: [[Double]], weights: [Double]? = nil) throws -> [Double] {
            try AggregationRegistry.rule(named: rule, settings: settings, pre: pre)
                .aggregate(Make.set(rows, weights: weights))
        }
    }

    static let plans: [Plan] = [
        Plan(rule: "fedavg"), Plan(rule: "median"), Plan(rule: "trimmed-mean", settings: ["f": 3]),
        Plan(rule: "meamed", settings: ["f": 3]), Plan(rule: "krum", settings: ["f": 3]),
        Plan(rule: "multi-krum", settings: ["f": 3]), Plan(rule: "mda", settings: ["f": 3]),
        Plan(rule: "caf", settings: ["f": 3]), Plan(rule: "smea", settings: ["f": 3]),
        Plan(rule: "geometric-median", translates: false, scales: false),
        Plan(rule: "centered-clipping", settings: ["tau": 0.5], translates: false, scales: false),
        Plan(rule: "fedld", translates: false),
        Plan(rule: "krum", settings: ["f": 3], pre: ["nnm"]), Plan(rule: "median", settings: ["f": 3], pre: ["nnm"]),
        Plan(rule: "caf", settings: ["f": 3], pre: ["arc"], translates: false),
        Plan(rule: "median", pre: ["clipping"], translates: false, scales: false),
    ]

    private func rows(_ seed: UInt64) -> [[Double]] {
        OracleMatrix.matrix(seed, n: 9, d: 70, family: "byzantine", f: 2)
    }

    @Test(arguments: plans) func orderOfClientsDoesNotMatter(_ plan: Plan) throws {
        for seed in 0..<5 as Range<UInt64> {
            let rows = rows(seed)
            let order = SeededGenerator(seed: Seed(seed)).shuffled(9)
            let weights = OracleMatrix.weights(seed, n: 9)
            let straight = try plan.run(rows, weights: weights)
            let permuted = try plan.run(order.map { rows[$0] }, weights: order.map { weights[$0] })
            #expect(relativeError(permuted, straight) < 1e-9)
        }
    }

    @Test(arguments: plans.filter(\.scales)) func scalingTheUpdatesScalesTheResult(_ plan: Plan) throws {
        for factor in [-4.0, 0.125, 0x1p40] {
            let rows = rows(11)
            let scaled = try plan.run(rows.map { $0.map { $0 * factor } })
            #expect(relativeError(scaled, try plan.run(rows).map { $0 * factor }) < 1e-9)
        }
    }

    @Test(arguments: plans.filter(\.translates)) func addingAVectorToAllAddsItToTheResult(_ plan: Plan) throws {
        let rows = rows(12)
        // Multiples of 1/64 below 8, so that the sums are exact floats at 64 times 24 bits.
        let shift = (0..<70).map { Double($0 % 17) / 64 - 0.125 }
        let exact = rows.map { $0.map { ($0 * 256).rounded() / 256 } }
        let moved = try plan.run(exact.map { row in zip(row, shift).map { $0 + $1 } })
        let expected = zip(try plan.run(exact), shift).map { $0 + $1 }
        #expect(relativeError(moved, expected) < 1e-6)
    }

    @Test(arguments: plans) func equalUpdatesAreTheirOwnAggregate(_ plan: Plan) throws {
        var plan = plan
        plan.settings["tau"] = plan.settings["tau"].map { _ in 1000 }
        if plan.pre == ["clipping"] { plan.settings["c"] = 1000 }
        let row = OracleMatrix.unit(3, row: 0, count: 70)
        let result = try plan.run([[Double]](repeating: row, count: 9))
        #expect(relativeError(result, row.map { Double(Float($0)) }) < 1e-6)
    }

    @Test(arguments: ["median", "trimmed-mean", "meamed", "krum", "multi-krum", "mda", "caf", "smea"])
    func faultyUpdatesCannotMoveARobustRuleFar(_ name: String) throws {
        let honest = OracleMatrix.matrix(21, n: 8, d: 50, family: "opposed", f: 0)
        let plan = Plan(rule: name, settings: name == "median" ? [:] : ["f": 3])
        for size in [10.0, 1e6, 1e30] {
            let faulty = (0..<3).map { index in honest[index].map { -$0 * size } }
            let result = try plan.run(honest + faulty)
            for (coordinate, value) in result.enumerated() {
                let column = honest.map { $0[coordinate] }
                let (low, high) = (column.min() ?? 0, column.max() ?? 0)
                #expect(value >= low - 2 * (high - low) && value <= high + 2 * (high - low), "size \(size)")
            }
        }
        let mean = try Plan(rule: "fedavg").run(honest + (0..<3).map { honest[$0].map { -$0 * 1e6 } })
        #expect(mean.contains { abs($0) > 1000 }, "the plain mean, as a control, is moved")
    }

    @Test func averagingKeepsTheMeanThroughBuckets() throws {
        let rows = rows(31).dropLast().map { $0 }
        for size in [1.0, 2, 4, 8] {
            let plan = Plan(rule: "fedavg", settings: ["s": size], pre: ["bucketing"])
            #expect(relativeError(try plan.run(rows), try Plan(rule: "fedavg").run(rows)) < 1e-9)
        }
        let buckets = try PreAggregatedRule.apply([Bucketing(size: 3, seed: Seed(9))], to: Make.set(rows))
        #expect(buckets.count == 3)
        let other = try PreAggregatedRule.apply([Bucketing(size: 3, seed: Seed(10))], to: Make.set(rows))
        #expect(other.updates != buckets.updates)
    }

    @Test func mixedVectorsEqualWhatTheRuleSees() throws {
        // A rule over the materialised vectors is the rule with the pre-aggregators before it.
        let updates = try Make.set(rows(41))
        let pre: [any PreAggregator] = [NormClipping(bound: 3), NearestNeighborMixing(faulty: 2)]
        let mixed = try PreAggregatedRule.apply(pre, to: updates)
        for rule in [MultiKrum(faulty: 2), CoordinateMedian(), TrimmedMean(faulty: 1)] as [any ComposableRule] {
            let direct = try PreAggregatedRule(pre, before: rule).aggregate(updates)
            #expect(relativeError(direct, try rule.aggregate(mixed)) < 1e-6, "\(rule.name)")
        }
    }
}

extension SeededGenerator {
    func shuffled(_ count: Int) -> [Int] {
        var copy = self
        return copy.permutation(count)
    }
}
