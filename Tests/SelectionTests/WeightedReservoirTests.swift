// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct WeightedReservoirTests {
    /// How often each of the samples is kept.
    static func shares(_ weights: [Double], keep: Int, runs: Int) -> [Double] {
        var counts = [Int](repeating: 0, count: weights.count)
        for run in 0..<runs {
            var reservoir = WeightedReservoir<Int>(capacity: keep, seed: Seed(UInt64(run)))
            for (index, weight) in weights.enumerated() { reservoir.offer(index, weight: weight) }
            for index in reservoir.elements { counts[index] += 1 }
        }
        return counts.map { Double($0) / Double(runs) }
    }

    @Test func oneIsKeptInProportionToItsWeight() {
        let weights = [1.0, 2, 3, 4, 10]
        for (share, weight) in zip(Self.shares(weights, keep: 1, runs: 4_000), weights) {
            #expect(abs(share - weight / 20) < 0.035)
        }
    }

    /// Draws one after the other without replacement: P(i) = w_i/W + sum over j of w_j/W w_i/(W - w_j).
    @Test func twoAreKeptAsIfDrawnOneAfterTheOther() {
        let weights = [1.0, 2, 3, 6]
        let total = 12.0
        for (index, share) in Self.shares(weights, keep: 2, runs: 4_000).enumerated() {
            var expected = weights[index] / total
            for other in weights.indices where other != index {
                expected += weights[other] / total * weights[index] / (total - weights[other])
            }
            #expect(abs(share - expected) < 0.035)
        }
    }

    @Test func equalWeightsAreUniform() {
        for share in Self.shares([Double](repeating: 7, count: 20), keep: 5, runs: 2_000) {
            #expect(abs(share - 0.25) < 0.045)
        }
    }

    @Test func orderDoesNotMatter() {
        let forwards = Self.shares([1, 1, 1, 1, 1, 1, 20], keep: 2, runs: 3_000)
        let backwards = Self.shares([20, 1, 1, 1, 1, 1, 1], keep: 2, runs: 3_000)
        #expect(abs(forwards[6] - backwards[0]) < 0.03)
    }

    @Test func verySmallAndVeryLargeWeightsStayInOrder() {
        let shares = Self.shares([1e-300, 1e-300, 1e300, 1e-300], keep: 1, runs: 200)
        #expect(shares[2] == 1)
    }

    @Test func senselessWeightsAreNeverKept() {
        var reservoir = WeightedReservoir<Int>(capacity: 3, seed: Seed(1))
        for weight in [Double.nan, 0, -1, .infinity] { #expect(reservoir.offer(1, weight: weight) == false) }
        #expect(reservoir.offer(2, weight: 1) == true)
        #expect(reservoir.elements == [2])
        #expect(reservoir.offeredCount == 1)
        var nothing = WeightedReservoir<Int>(capacity: 0, seed: Seed(1))
        #expect(nothing.offer(1, weight: 1) == false)
    }

    @Test func theSameSeedKeepsTheSame() {
        func kept(_ seed: UInt64) -> [Int] {
            var reservoir = WeightedReservoir<Int>(capacity: 5, seed: Seed(seed))
            for index in 0..<500 { reservoir.offer(index, weight: Double(index + 1)) }
            return reservoir.elements.sorted()
        }
        #expect(kept(3) == kept(3))
        #expect(kept(3) != kept(4))
    }
}
