// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct ClientSelectionUncertaintyTests {
    static func candidates(_ uncertainty: [Double?], rounds: [Int?]? = nil, times: [Int]? = nil) -> [ClientCandidate] {
        uncertainty.indices.map {
            ClientCandidate(
                name: "agent-\($0)",
                uncertainty: uncertainty[$0],
                roundsSinceSelected: rounds?[$0] ?? 1,
                timesSelected: times?[$0] ?? 0
            )
        }
    }

    static func select(
        _ count: Int,
        _ candidates: [ClientCandidate],
        exploration: Double = 0,
        cap: Double = 2,
        seed: UInt64 = 1
    ) -> [ClientChoice] {
        let policy = ClientPolicy.uncertainty(exploration: exploration, cap: cap)
        return ClientSelection(policy).select(count, of: candidates, seed: Seed(seed))
    }

    @Test func theProductDecides() {
        // 0.5 x 2, 0.1 x 11, 0.9 x 2, 0.2 x 2.
        let choices = Self.select(2, Self.candidates([0.5, 0.1, 0.9, 0.2], rounds: [1, 10, 1, 1]))
        #expect(choices.map(\.position) == [1, 2])
        #expect(choices.allSatisfy { $0.reason == .uncertain })
        #expect(abs((choices[0].value ?? 0) - 1.1) < 1e-12 && abs((choices[1].value ?? 0) - 1.8) < 1e-12)
    }

    @Test func aSizeWeighsTheMeanByTheSamples() throws {
        var candidates = Self.candidates([0.5, 0.1, 0.9, 0.2])
        for (index, samples) in [4, 100, 1, 16].enumerated() { candidates[index].sampleCount = samples }
        func chosen(_ text: String) throws -> [Int] {
            let policy = try ClientPolicy(parsing: "uncertainty:exploration=0\(text)")
            return ClientSelection(policy).select(2, of: candidates, seed: Seed(1)).map(\.position)
        }
        #expect(try chosen("") == [0, 2] && chosen(",size=0") == [0, 2])
        // 2, 10, 0.9, 3.2; with the root 1, 1, 0.9, 0.8.
        #expect(try chosen(",size=1") == [1, 3])
        #expect(try chosen(",size=0.5") == [0, 1])
        candidates = Self.candidates([.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0.5])
        #expect(try chosen(",size=1").count == 2, "without samples nothing is chosen by a product that is no number")
    }

    @Test func negativeScoresKeepTheirOrder() {
        let choices = Self.select(2, Self.candidates([-9, -3, -5, -8]))
        #expect(choices.map(\.position) == [1, 2])
    }

    @Test func theUnknownCountAsTheMeanAndTheNeverSelectedAsStalest() {
        var candidates = Self.candidates([0.4, nil, 0.2, 0.6])
        candidates[1].roundsSinceSelected = nil
        // 0.4 x 2, 0.4 x 3, 0.2 x 2, 0.6 x 2.
        #expect(Self.select(2, candidates).map(\.position) == [1, 3])
    }

    @Test func nonsenseIsTheSmallest() {
        let choices = Self.select(2, Self.candidates([.nan, 0.5, .infinity, 0.1]))
        #expect(choices.contains { $0.position == 1 })
        let all = Self.select(2, Self.candidates([.nan, .infinity, -.infinity, nil]))
        #expect(all.count == 2)
        let huge = Self.select(2, Self.candidates([.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0, 1]))
        #expect(huge.allSatisfy { ($0.value ?? 0).isFinite })
    }

    @Test(arguments: [(0.1, 10, 1), (0.1, 3, 1), (0.25, 8, 2), (1, 5, 5), (0, 5, 0)])
    func theExplorationFloorIsHeld(_ exploration: Double, _ count: Int, _ expected: Int) {
        let candidates = Self.candidates((0..<40).map { Double($0) })
        let choices = Self.select(count, candidates, exploration: exploration)
        #expect(choices.count { $0.reason == .exploration } == expected)
        #expect(choices.count == count)
    }

    @Test func explorationIsUniform() {
        let candidates = Self.candidates((0..<5).map { Double($0) })
        var counts = [Double](repeating: 0, count: 5)
        for seed in 0..<2_000 as Range<UInt64> {
            counts[Self.select(1, candidates, exploration: 1, seed: seed)[0].position] += 1 / 2_000
        }
        #expect(counts.allSatisfy { abs($0 - 0.2) < 0.04 })
    }

    @Test func whoWasSelectedTooOftenWaits() {
        let candidates = Self.candidates([9, 1, 1, 1], times: [30, 2, 2, 2])
        #expect(Self.select(2, candidates).contains { $0.position == 0 } == false)
        // Nobody else is left: it fills the cohort.
        let three = Self.select(3, Self.candidates([9, 1, 1, 1], times: [30, 30, 2, 2]), cap: 1)
        #expect(three.count { $0.reason == .fill } == 1)
    }

    /// However unequal the scores: after many rounds nobody was asked more than cap times as often as the mean, and
    /// one.
    @Test(arguments: [1.2, 2, 3])
    func theCapHoldsOverManyRounds(_ cap: Double) {
        var candidates = Self.candidates((0..<12).map { $0 == 0 ? 1e6 : Double($0) })
        for round in 0..<200 {
            let choices = Self.select(3, candidates, exploration: 0.1, cap: cap, seed: UInt64(round))
            for index in candidates.indices {
                candidates[index].roundsSinceSelected = (candidates[index].roundsSinceSelected ?? 0) + 1
            }
            for choice in choices {
                candidates[choice.position].roundsSinceSelected = 1
                candidates[choice.position].timesSelected += 1
            }
            let mean = Double(3 * (round + 1)) / 12
            let most = candidates.map(\.timesSelected).max() ?? 0
            #expect(Double(most) <= cap * max(mean, 1) + 1)
        }
        #expect(candidates.allSatisfy { $0.timesSelected > 0 })
        #expect(candidates[0].timesSelected > 50)
    }
}
