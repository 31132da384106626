// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct ByteKnapsackTests {
    /// The best possible total, by dynamic programming over the budget.
    static func best(_ scores: [Double], _ bytes: [Int], budget: Int) -> Double {
        var totals = [Double](repeating: 0, count: budget + 1)
        for (score, size) in zip(scores, bytes) where size <= budget && score > 0 {
            for room in stride(from: budget, through: size, by: -1) {
                totals[room] = max(totals[room], totals[room - size] + score)
            }
        }
        return totals[budget]
    }

    @Test func choicesFitAndReachHalfTheBest() throws {
        var samples = Samples(40)
        var sum = (found: 0.0, best: 0.0)
        for _ in 0..<60 {
            let count = 1 + samples.generator.below(15)
            let scores = samples.scores(count).map { $0 - 0.1 }
            let bytes = (0..<count).map { _ in samples.generator.below(30) }
            let budget = samples.generator.below(60)
            let chosen = try ByteKnapsack(budget: budget).select(scores: scores, bytes: bytes)
            #expect(chosen == chosen.sorted() && Set(chosen).count == chosen.count)
            #expect(chosen.reduce(0) { $0 + bytes[$1] } <= budget)
            let total = chosen.reduce(0) { $0 + scores[$1] }
            let best = Self.best(scores, bytes, budget: budget)
            #expect(total >= best / 2 - 1e-12 && total <= best + 1e-12)
            sum = (sum.found + total, sum.best + best)
        }
        #expect(sum.found > 0.95 * sum.best)
    }

    @Test func equalSizesGiveTheHighestScores() throws {
        let scores = [0.3, 0.9, 0.1, 0.8, 0.5]
        let chosen = try ByteKnapsack(budget: 35).select(scores: scores, bytes: [10, 10, 10, 10, 10])
        #expect(chosen == [1, 3, 4])
    }

    @Test func oneLargeSampleCanBeatManySmall() throws {
        #expect(try ByteKnapsack(budget: 100).select(scores: [2, 50], bytes: [1, 100]) == [1])
        #expect(try ByteKnapsack(budget: 101).select(scores: [2, 50], bytes: [1, 100]) == [0, 1])
    }

    @Test func aBudgetOfZeroSendsNothing() throws {
        #expect(try ByteKnapsack(budget: 0).select(scores: [5, 6], bytes: [1, 10]) == [])
        #expect(try ByteKnapsack(budget: -5).select(scores: [5], bytes: [1]) == [])
    }

    @Test func senselessSamplesAreNeverChosen() throws {
        let scores = [.nan, .infinity, 1, 1, -1, 0]
        #expect(try ByteKnapsack(budget: 10).select(scores: scores, bytes: [1, 1, -1, 2, 1, 1]) == [3])
        #expect(try ByteKnapsack(budget: Int.max).select(scores: [1, 1], bytes: [Int.max, Int.max]).count == 1)
        #expect(throws: SelectionError.self) { try ByteKnapsack(budget: 1).select(scores: [1], bytes: []) }
    }

    @Test func theBaselineMakesNegativeScoresCount() throws {
        let energies = [-9.0, -3, -5]
        #expect(try ByteKnapsack(budget: 20).select(scores: energies, bytes: [10, 10, 10]) == [])
        #expect(try ByteKnapsack(budget: 20, baseline: -9).select(scores: energies, bytes: [10, 10, 10]) == [1, 2])
    }
}
