// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Testing

@Suite struct EngineDeterminismTests {
    /// Every rule with the settings that 9 updates allow.
    static let plans: [(rule: String, settings: [String: Double], pre: [String])] = [
        ("fedavg", [:], []), ("median", [:], []), ("trimmed-mean", ["f": 2], []), ("meamed", ["f": 2], []),
        ("krum", ["f": 2], []), ("multi-krum", ["f": 2], []), ("geometric-median", [:], []),
        ("centered-clipping", ["tau": 1, "iterations": 2], []), ("mda", ["f": 2], []), ("monna", ["f": 2], []),
        ("nna", ["keep": 3], []), ("caf", ["f": 2], []), ("smea", ["f": 2], []), ("fedld", [:], []),
        ("krum", ["f": 2], ["nnm"]), ("median", ["f": 2], ["nnm"]), ("fedavg", ["s": 2], ["bucketing"]),
        ("trimmed-mean", ["f": 1, "s": 3, "c": 1], ["clipping", "bucketing"]), ("fedld", ["f": 2], ["arc", "nnm"]),
    ]

    @Test func resultsAreTheSameBitsForAnyThreadsAndAnyAccess() throws {
        let rows = OracleMatrix.matrix(5, n: 9, d: 60_000, family: "shifted", f: 1)
        let layout = try Make.layout([40_000, 1, 7, 19_992])
        let updates = try Make.set(rows, layout: layout, weights: OracleMatrix.weights(5, n: 9))
        for plan in Self.plans {
            func run(_ set: any UpdateSet, threads: Int) throws -> [Double] {
                let engine = AggregationEngine(threadCount: threads)
                return try AggregationRegistry.rule(
                    named: plan.rule,
                    settings: plan.settings,
                    pre: plan.pre,
                    engine: engine
                ).aggregate(set)
            }
            let reference = try run(updates, threads: 1).map(\.bitPattern)
            #expect(reference.count == 60_000)
            for threads in [2, 5] {
                let again = try run(updates, threads: threads).map(\.bitPattern)
                #expect(again == reference, "\(plan.rule) on \(threads) threads")
            }
            let forward = try run(ForwardUpdateSet(base: updates), threads: 3).map(\.bitPattern)
            #expect(forward == reference, "\(plan.rule) from decoders")
        }
    }

    @Test func noThreadRunsIntoABlockThatIsStillHandedOut() throws {
        let rows = OracleMatrix.matrix(8, n: 4, d: 120_000, family: "plain", f: 0)
        let set = ForwardUpdateSet(base: try Make.set(rows))
        let expected = try FederatedAveraging(engine: AggregationEngine(threadCount: 1)).aggregate(set)
        for repetition in 0..<10 {
            var wrong = 0
            let rule = FederatedAveraging(engine: AggregationEngine(threadCount: 2 + repetition % 3))
            try rule.aggregate(set) { start, values in
                // Other threads decode the next block while this one is read slowly.
                for (index, value) in values.enumerated() where value != expected[start + index] { wrong += 1 }
            }
            #expect(wrong == 0)
        }
    }

    @Test func aStreamOfUpdatesHoldsOneBlockAtATime() throws {
        // Forward-only updates of FedAvg are decoded in turn, block by block: no decoder runs ahead of another by more.
        let rows = OracleMatrix.matrix(6, n: 3, d: 50_000, family: "plain", f: 0)
        let set = try ObservedUpdateSet(base: Make.set(rows))
        _ = try FederatedAveraging(engine: AggregationEngine(threadCount: 2)).aggregate(set)
        #expect(set.log.longestBlock <= 1 << 14)
        #expect(set.log.longestLead <= 1 << 14)
        #expect(set.log.finished == 3)
    }

    @Test func updatesWithoutAPartInTheResultAreReadOnce() throws {
        let rows = OracleMatrix.matrix(7, n: 8, d: 1000, family: "plain", f: 0)
        let set = try ObservedUpdateSet(base: Make.set(rows))
        _ = try Krum(faulty: 2).aggregate(set)
        // All eight for the Gram matrix, the winner once more.
        #expect(set.log.started == 9)
    }
}
