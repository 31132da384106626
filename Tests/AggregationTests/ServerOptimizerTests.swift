// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Foundation
import ModelState
import Testing

@Suite struct ServerOptimizerTests {
    struct Case: Decodable {
        let seed: UInt64
        let n: Int
        let d: Int
        let family: String
        let optimizer: String
        let settings: [String: Double]
        let changes: [[Double]]
        let factors: [Double]?
    }

    struct File: Decodable { let cases: [Case] }

    private static func updates(_ test: Case, round: Int) throws -> MemoryUpdateSet {
        let rows = OracleMatrix.matrix(
            test.seed + 100 * UInt64(round),
            n: test.n,
            d: test.d,
            family: test.family,
            f: 1
        )
        return try Make.set(
            rows.map { $0.map { $0 / 4 } },
            weights: OracleMatrix.weights(test.seed, n: test.n)
        )
    }

    @Test func everyOptimizerEqualsTheOracleOverRounds() throws {
        var seen = Set<String>()
        for test in try RuleOracleTests.fixture("optimizers", as: File.self).cases {
            let optimizer = try AggregationRegistry.optimizer(named: test.optimizer, settings: test.settings)
            let strategy = AggregationStrategy(rule: FederatedAveraging(), optimizer: optimizer)
            var state = AggregationStrategy.State()
            for (round, expected) in test.changes.enumerated() {
                let updates = try Self.updates(test, round: round)
                let change = try collect { try strategy.step(updates, state: &state, sink: $0) }
                #expect(relativeError(change, expected) < 1e-6, "\(test.optimizer) \(test.settings) round \(round)")
                if let factors = test.factors, let hyper = optimizer as? HypergradientStep {
                    let factor = hyper.localLearningRateFactor(state.optimizer)
                    #expect(abs(factor - factors[round]) < 1e-6, "\(test.settings) round \(round)")
                }
            }
            seen.insert(test.optimizer)
        }
        // FedDyn depends on the number of all clients; see DynamicStepTests.
        #expect(seen == Set(AggregationRegistry.optimizerNames).subtracting(["feddyn"]))
    }

    @Test func aJournaledStateContinuesWithTheSameBits() throws {
        let rules: [any AggregationRule] = [try CenteredClipping(radius: 0.5), try PrincipalGradientAggregation()]
        for rule in rules {
            for name in AggregationRegistry.optimizerNames {
                let strategy = AggregationStrategy(
                    rule: rule,
                    optimizer: try AggregationRegistry.optimizer(named: name)
                )
                var (state, restored) = (AggregationStrategy.State(), AggregationStrategy.State())
                for round in 0..<3 as Range<UInt64> {
                    let updates = try Make.set(OracleMatrix.matrix(round, n: 4, d: 50, family: "shifted", f: 0))
                    let change = try collect { try strategy.step(updates, state: &state, sink: $0) }
                    let again = try collect { try strategy.step(updates, state: &restored, sink: $0) }
                    #expect(change.map(\.bitPattern) == again.map(\.bitPattern), "\(rule.name) \(name)")
                    #expect(restored == state)
                    restored = try JSONDecoder().decode(
                        AggregationStrategy.State.self,
                        from: JSONEncoder().encode(restored)
                    )
                    #expect(restored == state)
                }
            }
        }
    }

    @Test func aStateOfAnotherModelIsRefused() throws {
        let strategy = AggregationStrategy(rule: FederatedAveraging(), optimizer: try MomentumStep())
        var state = AggregationStrategy.State()
        _ = try collect { try strategy.step(Make.set([[1, 2]]), state: &state, sink: $0) }
        #expect(throws: AggregationError.self) {
            try strategy.step(Make.set([[1, 2, 3]]), state: &state) { _, _ in }
        }
    }

    @Test func principalGradientsStartOnceARoundHasMovedATensor() throws {
        let rows: [[Double]] = [
            [3, 1, 0, 0, 9], [2, 0, 1, 0, 5], [1, 1, 1, 0, 4], [-1, 2, 0, 0, 6], [2, 1, 0, 1, 6],
        ]
        let layout = try Make.layout([4, 1])
        let updates = try Make.set(rows, layout: layout)
        let zeros = try Make.set(rows.map { $0.map { _ in 0 } }, layout: layout)
        let rule = try PrincipalGradientAggregation()
        var state = AggregationState()
        func round(_ set: MemoryUpdateSet) throws -> [Double] {
            try collect { try rule.aggregate(set, state: &state, sink: $0) }
        }
        #expect(try round(zeros) == [0, 0, 0, 0, 0])
        #expect(state.flags["fedld.warm"] == [false, false])
        #expect(relativeError(try round(updates), [1.4, 1, 0.4, 0.2, 6]) < 1e-12, "still the plain mean")
        #expect(state.flags["fedld.warm"] == [true, true])
        let principal = try round(updates)
        #expect(relativeError(principal, [0.90593888, 0.58510991, 0.18455264, 0.13740826, 6]) < 1e-8)
        state = AggregationState()
        let ungated = try PrincipalGradientAggregation(historyGate: false)
        #expect(try collect { try ungated.aggregate(updates, state: &state, sink: $0) } == principal)
        state.flags["fedld.warm"] = [true]
        #expect(throws: AggregationError.self) { try rule.aggregate(updates, state: &state) { _, _ in } }
    }

    @Test func principalGradientsAverageBuffersPlainly() throws {
        let rows = OracleMatrix.matrix(8, n: 6, d: 12, family: "plain", f: 0)
        let layout = try TensorLayout([
            .init(name: "weight", shape: [6]), .init(name: "running_var", shape: [6], role: .buffer),
        ])
        let updates = try Make.set(rows, layout: layout, weights: [9, 1, 1, 1, 1, 1])
        let result = try PrincipalGradientAggregation().aggregate(updates)
        let mean = (0..<12).map { column in rows.reduce(0) { $0 + $1[column] } / 6 }
        #expect(relativeError(Array(result[6...]), Array(mean[6...])) < 1e-12)
        #expect(relativeError(Array(result[..<6]), Array(mean[..<6])) > 0.01)
    }

    @Test func theWarmUpRampsTheLocalLearningRate() {
        let oneEpoch = (0..<7).map { PrincipalGradientAggregation.warmUpFactor(round: $0, localEpochs: 1) }
        #expect(oneEpoch == [0, 0.2, 0.4, 0.6, 0.8, 1, 1])
        #expect((0..<2).map { PrincipalGradientAggregation.warmUpFactor(round: $0, localEpochs: 5) } == [0, 1])
    }

    @Test func centeredClippingRemembersItsCentre() throws {
        let rule = try CenteredClipping(radius: 0.5, iterations: 2)
        var state = AggregationState()
        var center = [Double](repeating: 0, count: 3)
        for round in 0..<4 {
            let rows = (0..<5).map { row in (0..<3).map { Double((row * 7 + $0 * 3 + round) % 11) / 4 - 1 } }
            // The definition on the whole vectors.
            for _ in 0..<2 {
                var step = [Double](repeating: 0, count: 3)
                for row in rows {
                    let difference = zip(row, center).map { $0 - $1 }
                    let norm = difference.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    for index in 0..<3 { step[index] += difference[index] * min(1, 0.5 / norm) / 5 }
                }
                center = zip(center, step).map { $0 + $1 }
            }
            let result = try collect { try rule.aggregate(Make.set(rows), state: &state, sink: $0) }
            #expect(relativeError(result, center) < 1e-6, "round \(round)")
            center = center.map { Double(Float($0)) }
        }
        #expect(state.vectors["centered-clipping.center"]?.count == 3)
    }

    @Test func optimizersRefuseParametersOutsideTheirRange() {
        let bad: [(String, [String: Double])] = [
            ("plain", ["lr": 0]), ("fedavgm", ["beta": 1]), ("fedadam", ["tau": -1]), ("fedyogi", ["beta2": 1.5]),
            ("fedexp", ["epsilon": 0]), ("fedhyper-g", ["lower": 4, "upper": 2]), ("fedhyper-sl", ["released": 0.5]),
        ]
        for (name, settings) in bad {
            #expect(throws: AggregationError.self, "\(name)") {
                try AggregationRegistry.optimizer(named: name, settings: settings)
            }
        }
    }
}
