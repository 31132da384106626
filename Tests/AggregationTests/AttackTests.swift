// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import Aggregation

@Suite struct AttackTests {
    private let honest = OracleMatrix.matrix(3, n: 10, d: 30, family: "shifted", f: 0).map {
        ParameterVector($0.map { Float($0) })
    }

    private func displacement(_ rule: any AggregationRule, _ attack: any Attack, faulty: Int) throws -> Double {
        let byzantine = try attack.byzantineUpdate(honest: honest, seed: Seed(4))
        let layout = try Make.layout([30])
        let all = honest + [ParameterVector](repeating: byzantine, count: faulty)
        let result = try rule.aggregate(try MemoryUpdateSet(layout: layout, updates: all))
        let mean = try FederatedAveraging().aggregate(try MemoryUpdateSet(layout: layout, updates: honest))
        return zip(result, mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }

    @Test func optimisedAttacksHurtMoreThanFixedOnes() throws {
        for rule in [TrimmedMean(faulty: 2), CoordinateMedian(), MultiKrum(faulty: 2)] as [any ComposableRule] {
            let little = try displacement(
                rule,
                OptimizedAttack.littleIsEnough(against: rule, faulty: 2),
                faulty: 2
            )
            #expect(
                little >= (try displacement(rule, DirectedAttack.littleIsEnough(tau: 0), faulty: 2)),
                "\(rule.name)"
            )
            let product = try displacement(
                rule,
                OptimizedAttack.innerProductManipulation(against: rule, faulty: 2),
                faulty: 2
            )
            #expect(product >= (try displacement(rule, DirectedAttack.innerProductManipulation(tau: 0), faulty: 2)))
        }
        // Against the plain mean the farthest point is the best, and the search keeps doubling its step.
        let mean = FederatedAveraging()
        let attack = OptimizedAttack.innerProductManipulation(against: mean, faulty: 2)
        #expect(
            try displacement(mean, attack, faulty: 2) > 1e5 * displacement(mean, DirectedAttack.signFlip, faulty: 2)
        )
    }

    @Test func nearestNeighborMixingLimitsAttacks() throws {
        let attack = DirectedAttack.innerProductManipulation(tau: 100)
        let plain = try displacement(FederatedAveraging(), attack, faulty: 2)
        let mixed = PreAggregatedRule([NearestNeighborMixing(faulty: 2)], before: TrimmedMean(faulty: 2))
        #expect(try displacement(mixed, attack, faulty: 2) < plain / 20)
    }

    @Test func mimicCopiesAnHonestUpdate() throws {
        #expect(try MimicAttack(victim: 3).byzantineUpdate(honest: honest, seed: Seed(1)) == honest[3])
        #expect(throws: AggregationError.self) {
            try MimicAttack(victim: 10).byzantineUpdate(honest: honest, seed: Seed(1))
        }
    }

    @Test func noiseIsReproducibleFromItsSeed() throws {
        let attack = NoiseAttack.gaussian(mean: 2, deviation: 0.5)
        let long = [ParameterVector(zeros: 20_000)]
        let first = try attack.byzantineUpdate(honest: long, seed: Seed(1))
        #expect(try attack.byzantineUpdate(honest: long, seed: Seed(1)) == first)
        #expect(try attack.byzantineUpdate(honest: long, seed: Seed(2)) != first)
        let values = first.elements.map { Double($0) }
        let mean = values.reduce(0, +) / 20_000
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
        #expect(abs(mean - 2) < 0.02 && abs(variance - 0.25) < 0.02)
    }

    @Test func notFiniteAttacksAreCaughtByScreening() throws {
        for attack in [NoiseAttack.infinity, .notANumber] {
            let byzantine = try attack.byzantineUpdate(honest: honest, seed: Seed(1))
            #expect(!byzantine.isFinite)
            let updates = try MemoryUpdateSet(layout: Make.layout([30]), updates: honest + [byzantine])
            #expect(try FiniteUpdates(screening: updates).dropped == [10])
        }
    }

    @Test func everyAttackIsFoundByItsName() throws {
        for name in AggregationRegistry.attackNames {
            let attack = try AggregationRegistry.attack(named: name, against: CoordinateMedian(), faulty: 2)
            #expect(attack.name == name)
            #expect(try attack.byzantineUpdate(honest: honest, seed: Seed(1)).count == 30)
        }
        #expect(throws: AggregationError.self) {
            try AggregationRegistry.attack(named: "label-flip", against: CoordinateMedian(), faulty: 2)
        }
        #expect(throws: AggregationError.self) {
            try AggregationRegistry.attack(named: "alie", settings: ["f": 1], against: CoordinateMedian(), faulty: 2)
        }
    }

    @Test func theLineSearchFollowsItsSchedule() throws {
        // Rising until 100: 0, 10, 30, 70, then 150 fails and the step of 80 shrinks by 0.8 before each further try.
        var tried: [Double] = []
        let best = OptimizedAttack.search { tau in
            tried.append(tau)
            return -abs(tau - 100)
        }
        #expect(tried.count == 20)
        #expect(Array(tried.prefix(7)) == [0, 10, 30, 70, 150, 134, 121.2])
        // 121.2 is nearer to 100 than 70 was; from there every step forward is worse.
        #expect(best == 121.2)
    }
}
