// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import Testing

/// Values published with the methods or worked out by hand for the reference.
@Suite struct GoldenVectorTests {
    private let nine: [[Double]] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

    private func result(
        _ name: String,
        _ rows: [[Double]],
        _ settings: [String: Double] = [:],
        pre: [String] = []
    ) throws -> [Double] {
        try AggregationRegistry.rule(named: name, settings: settings, pre: pre).aggregate(Make.set(rows))
    }

    private func expect(_ actual: [Double], _ expected: [Double], _ comment: Comment? = nil) {
        #expect(actual.count == expected.count)
        for (a, e) in zip(actual, expected) { #expect(abs(a - e) < 1e-6, comment) }
    }

    @Test func principalGradientsEqualTheReference() throws {
        let rows: [[Double]] = [[3, 1, 0, 0], [2, 0, 1, 0], [1, 1, 1, 0], [-1, 2, 0, 0], [2, 1, 0, 1]]
        expect(try result("fedld", rows), [0.90593888, 0.58510991, 0.18455264, 0.13740826])
        expect(
            try result("fedld", rows, ["majority-sign": 1]),
            [1.43880202, 0.93458767, 0.42310760, 0.21189386],
            "majority sign"
        )
        expect(try result("fedavg", rows), [1.4, 1.0, 0.4, 0.2])
    }

    @Test func rulesEqualByzFLOnItsExample() throws {
        expect(try result("geometric-median", nine), [3.78788764, 4.78788764, 5.78788764])
        for name in ["multi-krum", "mda", "meamed", "monna", "smea"] {
            expect(try result(name, nine, ["f": 1]), [2.5, 3.5, 4.5], Comment(rawValue: name))
        }
        expect(try result("caf", nine, ["f": 1]), [4, 5, 6])
        expect(try result("median", nine), [4, 5, 6])
        expect(try result("trimmed-mean", nine, ["f": 1]), [4, 5, 6])
    }

    @Test func trimmedMeanBearsASignFlip() throws {
        let attack = try DirectedAttack.signFlip.byzantineUpdate(
            honest: nine.map { ParameterVector($0.map { Float($0) }) },
            seed: Seed(1)
        )
        expect(attack.elements.map { Double($0) }, [-4, -5, -6])
        expect(try result("trimmed-mean", nine + [attack.elements.map { Double($0) }], ["f": 1]), [2.5, 3.5, 4.5])
    }

    @Test func nearestNeighborsOfTheTrustedUpdate() throws {
        let rows = [[1, 1], [1.2, 0.9], [0.8, 1.1], [5, 5], [1.1, 1.0]]
        expect(try result("nna", rows, ["keep": 4, "pivot": 0]), [1.025, 1.0])
    }

    @Test func adaptiveClippingEqualsByzFL() throws {
        let clipped = try PreAggregatedRule.apply([AdaptiveRobustClipping(faulty: 1)], to: Make.set(nine))
        expect(clipped.updates[2].elements.map { Double($0) }, [4.41004009, 5.04004582, 5.67005155])
        #expect(clipped.updates[1].elements == [4, 5, 6])
    }

    @Test func littleIsEnoughEqualsByzFL() throws {
        let honest = nine.map { ParameterVector($0.map { Float($0) }) }
        let update = try DirectedAttack.littleIsEnough().byzantineUpdate(honest: honest, seed: Seed(1))
        expect(update.elements.map { Double($0) }, [8.5, 9.5, 10.5])
        let opposite = try DirectedAttack.innerProductManipulation().byzantineUpdate(honest: honest, seed: Seed(1))
        expect(opposite.elements.map { Double($0) }, [-8, -10, -12])
    }

    @Test func fairAveragingEqualsTheReference() throws {
        // The reference gives w - w_i = (.1, 0), (0, .2), losses 1 and 2, and the step that is subtracted.
        let updates = try Make.set(
            [[-0.1, 0], [0, -0.2]],
            metadata: [UpdateMetadata(initialLoss: 1), UpdateMetadata(initialLoss: 2)]
        )
        let rule = try FairAveraging(fairness: 1, learningRate: 0.1)
        expect(try rule.aggregate(updates), [-0.028571, -0.114286])
        let uniform = try FairAveraging(fairness: 0, learningRate: 0.1)
        expect(try uniform.aggregate(updates), [-0.05, -0.1])
    }

    @Test func normalizedAveragingDividesByLocalSteps() throws {
        let steps = [2, 10].map { UpdateMetadata(localSteps: $0, localLearningRate: 0.1) }
        let updates = try Make.set([[2, 0], [0, 10]], weights: [1, 3], metadata: steps)
        // tau_eff = .25 * 2 + .75 * 10 = 8; each update has moved 1 a step.
        expect(try NormalizedAveraging().aggregate(updates), [2, 6])
        // rho = .5: a = [tau - .5 (1 - .5^tau) / .5] / .5 = 2.5 and 18.001953125.
        let (first, second) = (2.5, 2 * (10 - (1 - 0x1p-10)))
        let effective = 0.25 * first + 0.75 * second
        expect(
            try NormalizedAveraging(momentum: 0.5).aggregate(updates),
            [effective * 0.25 * 2 / first, effective * 0.75 * 10 / second]
        )
        // mu = 1, eta = .1: a = 1 + .9 and (1 - .9^10) / .1; tau_eff counts plain steps.
        let tenth = (0..<10).reduce(0.0) { sum, k in sum + (0..<k).reduce(1.0) { power, _ in power * 0.9 } }
        expect(
            try NormalizedAveraging(proximal: 1).aggregate(updates),
            [8 * 0.25 * 2 / 1.9, 8 * 0.75 * 10 / tenth]
        )
    }
}
