// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Rounds

/// Buffered and overlapped rounds.
struct JobMachineCarryingTests {
    private static func buffered(
        cohort: Int,
        concurrency: Int = 0,
        staleness: Int = 20,
        rounds: Int = 4,
        agents count: Int = 4
    ) -> JobDriver {
        let policy = RoundPolicy(
            mode: .buffered,
            cohort: cohort,
            concurrency: concurrency,
            maximumStaleness: staleness,
            deadline: DurationText(.seconds(60))
        )
        var job = JobDriver(.sample(agents: count, rounds: rounds, round: policy), agents: agents(count))
        job.give(.begin)
        return job
    }

    @Test func aRoundEndsWithAFullBufferAndTheOthersWorkOn() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        #expect(job.tasks.count == 4)
        job.clear()
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.commits.map(\.round.value) == [1] && job.withdrawn.isEmpty)
        #expect(
            job.tasks.map(\.key) == [job.key(all[0], round: 2), job.key(all[1], round: 2)],
            "the free ones are asked"
        )
        #expect(job.tasks.allSatisfy { $0.base.round.value == 1 })
        job.clear()
        // What was asked in round 1 counts in round 2, one round stale.
        #expect(job.machine.standing(of: job.key(all[2])) == .wanted)
        job.verify(all[2])
        job.verify(all[0], round: 2)
        #expect(job.folds.first?.map(\.key) == [job.key(all[2]), job.key(all[0], round: 2)])
        #expect(
            job.folds.first?.map(\.staleness) == [1, 0] && job.folds.first?.allSatisfy { $0.round.value == 2 } == true
        )
        #expect(job.machine.standing(of: job.key(all[2])) == .accepted)
        #expect(job.machine.standing(of: job.key(all[0])) == .refused(.lateUpdate), "it counted in round 1")
    }

    @Test func concurrencyLimitsWhoIsAtWork() {
        var job = Self.buffered(cohort: 1, concurrency: 2, agents: 6)
        #expect(job.tasks.count == 2)
        let first = job.tasks[0].key.agent
        job.clear()
        job.verify(first)
        #expect(job.tasks.count == 1, "one is at work still")
    }

    @Test func whatComesDuringTheFoldWaitsForTheNextRound() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        job.holdsFolds = true
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.folds.count == 1)
        #expect(job.machine.standing(of: job.key(all[3])) == .wanted)
        job.verify(all[3])
        #expect(job.machine.standing(of: job.key(all[3])) == .inHand && job.accepts.count == 2)
        job.holdsFolds = false
        job.give(.folded(.sample(1)))
        #expect(job.accepts.last == job.key(all[3]))
        #expect(job.machine.standing(of: job.key(all[3])) == .accepted)
    }

    @Test func tooOldWorkIsTakenBack() {
        let all = agents(3)
        var job = Self.buffered(cohort: 1, staleness: 1, agents: 3)
        job.verify(all[0])
        #expect(job.withdrawn.isEmpty)
        job.clear()
        job.verify(all[0], round: 2)
        // In round 3 the other two would be two rounds stale.
        #expect(job.withdrawn.map(\.0) == [job.key(all[1]), job.key(all[2])])
        #expect(job.tasks.count == 3, "everyone is free and asked anew")
        #expect(job.machine.standing(of: job.key(all[1])) == .refused(.lateUpdate))
    }

    @Test func aBufferThatCannotFillIsFoldedRatherThanGivenUp() {
        let all = agents(3)
        var job = Self.buffered(cohort: 3, agents: 3)
        job.verify(all[0])
        job.give(.failed(job.key(all[1]), .trainerFailed, ""))
        #expect(job.commits.isEmpty)
        job.give(.failed(job.key(all[2]), .trainerFailed, ""))
        #expect(job.commits.map(\.updateCount) == [1])
    }

    @Test func aRestartKnowsWhatIsCarried() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        job.verify(all[0])
        job.verify(all[1])
        job.verify(all[2])
        var again = JobDriver(recovering: job.recovered, agents: all)
        #expect(again.machine.standing(of: job.key(all[2])) == .accepted)
        again.give(.begin)
        #expect(again.machine.standing(of: job.key(all[3])) == .wanted)
        again.verify(all[3])
        #expect(again.folds.first?.map(\.staleness) == [1, 1] && again.commits.map(\.round.value) == [2])
    }

    @Test func aRestartBetweenTwoRoundsKnowsWhatIsCarried() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        job.holds = { $0 == .roundStarted }
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.recovered.open == nil && job.recovered.carried.map(\.key) == [job.key(all[2]), job.key(all[3])])
        var again = JobDriver(recovering: job.recovered, agents: all)
        again.give(.begin)
        again.verify(all[2])
        #expect(again.machine.standing(of: job.key(all[2])) == .accepted)
        #expect(again.tasks.map(\.key.agent) == [all[0], all[1]], "the others have their work still")
    }

    @Test func carriedWorkIsWelcomeWhileTheNextRoundIsJournaled() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        job.holds = { $0 == .roundStarted }
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.machine.standing(of: job.key(all[2])) == .wanted)
        job.verify(all[2])
        #expect(job.machine.standing(of: job.key(all[2])) == .inHand)
        job.holds = { _ in false }
        job.give(.recorded(.roundStarted))
        #expect(job.machine.standing(of: job.key(all[2])) == .accepted)
    }

    @Test func carriedWorkMayFailWhileTheNextRoundIsJournaled() {
        let all = agents(4)
        var job = Self.buffered(cohort: 2)
        job.holds = { $0 == .roundStarted }
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.machine.carriedKey(of: all[3]) == job.key(all[3]))
        job.give(.failed(job.key(all[3]), .lateUpdate, ""))
        #expect(job.machine.carriedKey(of: all[3]) == nil)
        job.holds = { _ in false }
        job.give(.recorded(.roundStarted))
        job.clear()
        job.verify(all[2])
        job.verify(all[0], round: 2)
        #expect(job.tasks.map(\.key.agent).contains(all[3]), "it is asked anew in the next round")
    }

    @Test func overlappedAgentsTrainOnFromTheModelBefore() {
        let all = agents(2)
        let policy = RoundPolicy(mode: .overlapped, quorum: 1, deadline: DurationText(.seconds(60)))
        var job = JobDriver(.sample(agents: 2, rounds: 3, round: policy), agents: all)
        job.give(.begin)
        job.clear()
        job.verify(all[0])
        // Round 1 is not over, but the first agent works on round 2.
        #expect(job.tasks.map(\.key) == [job.key(all[0], round: 2)] && job.tasks[0].base.round.value == 0)
        job.verify(all[0], round: 2)
        #expect(job.machine.standing(of: job.key(all[0], round: 2)) == .inHand)
        job.verify(all[1])
        #expect(job.commits.map(\.round.value) == [1])
        job.verify(all[1], round: 2)
        #expect(job.folds.last?.map(\.staleness) == [1, 1])
        job.clear()
        job.verify(all[0], round: 3)
        job.verify(all[1], round: 3)
        #expect(job.hasEnded && job.tasks.isEmpty, "nobody works beyond the last round")
    }

    @Test func policiesOfBufferedRoundsAreChecked() throws {
        func policy(_ text: String) throws -> RoundPolicy {
            try SpecificationDecoding.policy(text)
        }
        #expect(try policy(#"{"mode": "buffered", "cohort": 3, "concurrency": 5}"#).concurrency == 5)
        for bad in [
            #"{"mode": "buffered"}"#, #"{"mode": "buffered", "cohort": 3, "concurrency": 2}"#,
            #"{"concurrency": 2}"#, #"{"mode": "buffered", "cohort": 3, "over_selection": 1}"#, #"{"mode": "odd"}"#,
        ] { #expect(throws: SpecificationError.self) { try policy(bad) } }
    }
}

private enum SpecificationDecoding {
    static func policy(_ text: String) throws -> RoundPolicy {
        try JSONDecoder().decode(RoundPolicy.self, from: Data(text.utf8))
    }
}
