// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Randomness
import Testing

@Suite struct AggregationRegistryTests {
    private func failure(_ body: () throws -> Void) -> AggregationError? {
        do {
            try body()
            return nil
        } catch {
            return error as? AggregationError
        }
    }

    @Test func namesAreThoseThatUsersWrite() {
        let wanted = [
            "fedavg", "fedld", "median", "trimmed-mean", "geometric-median", "krum", "multi-krum", "centered-clipping",
            "mda", "monna", "meamed", "caf", "smea",
        ]
        #expect(Set(wanted).isSubset(of: AggregationRegistry.ruleNames))
        #expect(Set(AggregationRegistry.preAggregatorNames) == ["nnm", "bucketing", "clipping", "arc"])
        let names =
            AggregationRegistry.ruleNames + AggregationRegistry.preAggregatorNames + AggregationRegistry.optimizerNames
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { AggregationRegistry.settingNames(of: $0) != nil })
    }

    @Test func everyNameMakesARuleOfThatName() throws {
        for name in AggregationRegistry.ruleNames {
            var settings: [String: Double] = [:]
            if name == "nna" { settings = ["keep": 1] }
            if name == "q-fedavg" { settings = ["q": 1, "lr": 0.1] }
            #expect(try AggregationRegistry.rule(named: name, settings: settings).name == name)
        }
        for name in AggregationRegistry.optimizerNames {
            #expect(try AggregationRegistry.optimizer(named: name).name == name)
        }
        let composed = try AggregationRegistry.rule(named: "krum", settings: ["f": 1], pre: ["clipping", "nnm"])
        #expect(composed.name == "clipping+nnm+krum")
    }

    @Test func unknownNamesAreRefusedWithTheKnownOnes() throws {
        let rule = failure { _ = try AggregationRegistry.rule(named: "Krum") }
        #expect(rule?.code == .unknownRule)
        #expect(rule?.message.contains("multi-krum") == true)
        let pre = failure { _ = try AggregationRegistry.rule(named: "krum", pre: ["nmm"]) }
        #expect(pre?.code == .unknownRule)
        #expect(pre?.message.contains("nnm, bucketing, clipping, arc") == true)
        let optimizer = failure { _ = try AggregationRegistry.optimizer(named: "adam") }
        #expect(optimizer?.message.contains("fedadam") == true)
    }

    @Test func unknownSettingsAreRefusedWithTheKnownOnes() {
        let error = failure { _ = try AggregationRegistry.rule(named: "krum", settings: ["tau": 1], pre: ["nnm"]) }
        #expect(error?.code == .unknownSetting)
        #expect(error?.message.contains("'tau'") == true)
        #expect(error?.message.contains("krum knows f, paper, unsquared; nnm knows f") == true)
        #expect(
            failure { _ = try AggregationRegistry.rule(named: "median", settings: ["f": 1]) }?.code == .unknownSetting
        )
        #expect(
            failure { _ = try AggregationRegistry.optimizer(named: "plain", settings: ["x": 1]) }?.code
                == .unknownSetting
        )
    }

    @Test func settingsOutsideTheirKindAreRefused() {
        let bad: [(String, [String: Double])] = [
            ("krum", ["f": 1.5]), ("krum", ["f": .nan]), ("krum", ["f": .infinity]), ("krum", ["paper": 2]),
            ("krum", ["paper": 1, "unsquared": 1]), ("geometric-median", ["nu": 0]), ("centered-clipping", ["tau": -1]),
            ("fedld", ["rho": 0]), ("fedld", ["rho": 1.01]), ("nna", [:]), ("q-fedavg", ["q": 1]),
            ("fednova", ["rho": 1]),
        ]
        for (name, settings) in bad {
            let error = failure { _ = try AggregationRegistry.rule(named: name, settings: settings) }
            #expect(error?.code == .invalidParameter, "\(name) \(settings)")
        }
    }

    @Test func aSettingOfOnePartLeavesTheOthersAlone() throws {
        let updates = try Make.set(OracleMatrix.matrix(1, n: 9, d: 20, family: "byzantine", f: 2))
        let both = try AggregationRegistry.rule(named: "krum", settings: ["f": 2, "nnm.f": 4], pre: ["nnm"])
        let built = PreAggregatedRule([NearestNeighborMixing(faulty: 4)], before: Krum(faulty: 2))
        #expect(try both.aggregate(updates) == built.aggregate(updates))
        let shared = PreAggregatedRule([NearestNeighborMixing(faulty: 2)], before: Krum(faulty: 2))
        #expect(try both.aggregate(updates) != shared.aggregate(updates))
    }

    @Test func bucketsChangeWithTheSeedOfTheRound() throws {
        let updates = try Make.set(OracleMatrix.matrix(1, n: 9, d: 20, family: "plain", f: 2))
        func median(_ seed: UInt64) throws -> [Double] {
            try AggregationRegistry.rule(named: "median", settings: ["s": 2], pre: ["bucketing"], seed: Seed(seed))
                .aggregate(updates)
        }
        #expect(try median(1) == median(1))
        #expect(try median(1) != median(2))
    }
}
