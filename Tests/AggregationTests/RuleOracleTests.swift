// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Foundation
import ModelState
import Testing

/// Compares every rule with an independent NumPy implementation in double precision (Oracles/generate.py).
@Suite struct RuleOracleTests {
    struct Result: Decodable {
        let rule: String
        let settings: [String: Double]
        let pre: [String]
        let values: [Double]
    }

    struct Tensor: Decodable {
        let size: Int
        let role: TensorLayout.Role
    }

    struct Case: Decodable {
        let seed: UInt64
        let n: Int
        let d: Int
        let f: Int
        let family: String
        let tensors: [Tensor]
        let results: [Result]
    }

    struct File: Decodable { let cases: [Case] }

    static func fixture<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/\(name).json"))
        return try JSONDecoder().decode(type, from: data)
    }

    static func updates(_ test: Case) throws -> MemoryUpdateSet {
        let layout = try TensorLayout(
            test.tensors.enumerated().map {
                .init(name: "t\($0.offset)", shape: TensorShape([$0.element.size]), role: $0.element.role)
            }
        )
        return try Make.set(
            OracleMatrix.matrix(test.seed, n: test.n, d: test.d, family: test.family, f: test.f),
            layout: layout,
            weights: OracleMatrix.weights(test.seed, n: test.n)
        )
    }

    @Test func everyRuleEqualsTheOracle() throws {
        var seen = Set<String>()
        for test in try Self.fixture("rules", as: File.self).cases {
            let updates = try Self.updates(test)
            for expected in test.results {
                let rule = try AggregationRegistry.rule(
                    named: expected.rule,
                    settings: expected.settings,
                    pre: expected.pre,
                    engine: AggregationEngine(threadCount: 2)
                )
                let actual = OracleMatrix.digest(try rule.aggregate(updates), seed: test.seed)
                let error = relativeError(actual, expected.values)
                #expect(
                    error < 1e-6,
                    "\(expected.pre) \(expected.rule) \(expected.settings) n=\(test.n) d=\(test.d) \(test.family)"
                )
                seen.insert(expected.rule)
            }
        }
        // Rules that need to know more of an update have tests of their own; for stale updates StaleUpdateTests.
        let others: Set = ["fedasync", "fedbuff", "fednova", "q-fedavg"]
        #expect(seen == Set(AggregationRegistry.ruleNames).subtracting(others))
    }
}
