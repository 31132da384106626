// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct ClientSelectionTests {
    static func candidates(_ count: Int) -> [ClientCandidate] {
        (0..<count).map { ClientCandidate(name: "agent-\($0)", sampleCount: 10 * ($0 + 1)) }
    }

    static let policies = [
        ClientPolicy.uniform, .weighted, .powerOfChoice(candidates: 8), .uncertainty(exploration: 0.3, cap: 2),
    ]

    @Test func uniformDrawsWhatItAlwaysDrew() {
        for (count, available) in [(1, 1), (3, 10), (10, 10), (7, 200), (0, 5), (4, 3)] {
            for seed in 0..<20 as Range<UInt64> {
                let choices = ClientSelection().select(count, of: Self.candidates(available), seed: Seed(seed))
                #expect(
                    choices.map(\.position) == UniformSelection().select(count, of: available, seed: Seed(seed))
                )
            }
        }
    }

    @Test(arguments: policies)
    func everyPolicyChoosesDifferentCandidatesInOrder(_ policy: ClientPolicy) {
        for count in [0, 1, 5, 19, 20, 21] {
            let choices = ClientSelection(policy).select(count, of: Self.candidates(20), seed: Seed(3))
            let positions = choices.map(\.position)
            #expect(positions.count == min(count, 20))
            #expect(positions == positions.sorted() && Set(positions).count == positions.count)
            #expect(positions.allSatisfy { (0..<20).contains($0) })
            if count >= 20 { #expect(choices.allSatisfy { $0.reason == .everyone }) }
        }
        #expect(ClientSelection(policy).select(3, of: [], seed: Seed(1)) == [])
        #expect(ClientSelection(policy).select(-3, of: Self.candidates(5), seed: Seed(1)) == [])
    }

    @Test(arguments: policies)
    func theSeedNamesTheDraw(_ policy: ClientPolicy) {
        let candidates = Self.candidates(40)
        func draw(_ seed: UInt64) -> [ClientChoice] {
            ClientSelection(policy).select(10, of: candidates, seed: Seed(seed))
        }
        #expect(draw(1) == draw(1))
        #expect((2..<6).contains { draw($0) != draw(1) })
    }

    @Test(arguments: policies)
    func thePredicateHoldsForEveryPolicy(_ policy: ClientPolicy) throws {
        var candidates = Self.candidates(30)
        for index in candidates.indices { candidates[index].labels["region"] = index % 3 == 0 ? "eu" : "us" }
        let selection = ClientSelection(policy, where: try LabelPredicate(parsing: "region=eu"))
        let choices = selection.select(4, of: candidates, seed: Seed(9))
        #expect(choices.count == 4)
        #expect(choices.allSatisfy { $0.position % 3 == 0 })
        #expect(selection.select(50, of: candidates, seed: Seed(9)).map(\.position) == selection.eligible(candidates))
    }

    @Test func weightedDrawsInProportion() {
        let candidates = [1, 2, 3, 4].map { ClientCandidate(name: "\($0)", sampleCount: $0) }
        var counts = [0.0, 0, 0, 0]
        for seed in 0..<4_000 as Range<UInt64> {
            let choices = ClientSelection(.weighted).select(1, of: candidates, seed: Seed(seed))
            counts[choices[0].position] += 1 / 4_000
            #expect(choices[0].reason == .weighted)
        }
        for (index, share) in counts.enumerated() { #expect(abs(share - Double(index + 1) / 10) < 0.035) }
    }

    @Test func thoseWithoutSamplesComeLast() {
        let candidates = [0, 5, -3, 7, 0].map { ClientCandidate(name: "a", sampleCount: $0) }
        for seed in 0..<20 as Range<UInt64> {
            let choices = ClientSelection(.weighted).select(3, of: candidates, seed: Seed(seed))
            #expect(choices.contains { $0.position == 1 } && choices.contains { $0.position == 3 })
            #expect(choices.count { $0.reason == .fill } == 1)
        }
    }

    @Test func powerOfChoiceTakesTheHighestLosses() {
        var candidates = Self.candidates(10)
        for index in candidates.indices { candidates[index].lastLoss = Double((index * 7) % 10) }
        let all = ClientSelection(.powerOfChoice(candidates: 10)).select(3, of: candidates, seed: Seed(1))
        // Losses 9, 8, 7 belong to 7, 4, 1.
        #expect(all.map(\.position) == [1, 4, 7])
        #expect(all.allSatisfy { $0.reason == .highLoss && ($0.value ?? 0) >= 7 })
        let one = ClientSelection(.powerOfChoice(candidates: 1))
        #expect(one.select(3, of: candidates, seed: Seed(1)).count == 3)
    }

    @Test func powerOfChoiceLooksOnlyAtThoseDrawn() {
        var candidates = Self.candidates(50)
        for index in candidates.indices { candidates[index].lastLoss = Double(index) }
        var winners: Set<Int> = []
        for seed in 0..<40 as Range<UInt64> {
            let choices = ClientSelection(.powerOfChoice(candidates: 4)).select(1, of: candidates, seed: Seed(seed))
            winners.insert(choices[0].position)
        }
        #expect(winners.count > 5)
    }

    @Test func anUnknownLossComesFirstAndNonsenseLast() {
        var candidates = Self.candidates(4)
        candidates[0].lastLoss = .nan
        candidates[1].lastLoss = 0.1
        candidates[3].lastLoss = .infinity
        let choices = ClientSelection(.powerOfChoice(candidates: 4)).select(2, of: candidates, seed: Seed(5))
        #expect(choices.map(\.position) == [1, 2])
        #expect(choices.map(\.reason) == [.highLoss, .unknownLoss])
    }

    @Test func choicesSayWhy() {
        #expect(ClientChoice(position: 1, reason: .highLoss, value: 1.25).description == "high-loss 1.25")
        #expect(ClientChoice(position: 1, reason: .uniform).description == "uniform")
    }
}
