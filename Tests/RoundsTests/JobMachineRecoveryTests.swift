// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct JobMachineRecoveryTests {
    @Test func resumesTheOpenRoundWithWhatItHad() {
        let all = agents(3)
        var first = JobDriver(.sample(agents: 3), agents: all)
        first.give(.begin)
        first.verify(all[1])
        first.give(.failed(first.key(all[2]), .notFinite, ""))
        let policy = first.recovered.open
        #expect(policy?.accepted.map(\.key.agent) == [all[1]] && policy?.refused == [all[2]: .notFinite])

        var second = JobDriver(recovering: first.recovered)
        #expect(second.machine.standing(of: second.key(all[0])) == .notYet)
        #expect(second.machine.standing(of: second.key(all[1])) == .accepted)
        #expect(second.machine.standing(of: second.key(all[2])) == .refused(.notFinite))
        second.give(.begin)
        #expect(second.tasks.isEmpty)
        second.give(.agentAvailable(all[0]))
        #expect(second.tasks.map(\.key) == [first.key(all[0])])
        #expect(second.tasks.first?.seed == first.tasks.first?.seed)
    }

    @Test func combinesACompleteRoundAgain() {
        let all = agents(2)
        var first = JobDriver(.sample(agents: 2), agents: all)
        first.holdsFolds = true
        first.give(.begin)
        for agent in all { first.verify(agent) }
        var second = JobDriver(recovering: first.recovered)
        second.give(.begin)
        #expect(second.folds == first.folds)
        #expect(second.commits.map(\.round.value) == [1])
    }

    @Test func finishedRoundsAreNotRunAgain() {
        let all = agents(1)
        var first = JobDriver(.sample(agents: 1, rounds: 2), agents: all)
        first.holds = { $0 == .ended }
        first.give(.begin)
        for round in UInt32(1)...2 { first.verify(all[0], round: round) }
        #expect(first.held == [.ended])
        var second = JobDriver(recovering: first.recovered)
        second.give(.begin)
        #expect(second.hasEnded && second.tasks.isEmpty && second.machine.status.round.value == 2)
        #expect(second.evaluations.isEmpty, "it ends without waiting for anybody")
    }

    @Test func onlyTheFinalEvaluationIsMadeUpFor() {
        let all = agents(2)
        var first = JobDriver(.sample(agents: 2, rounds: 1, evaluateEvery: 1), agents: all)
        first.holds = { $0 == .evaluated || $0 == .ended }
        first.give(.begin)
        for agent in all { first.verify(agent) }
        var second = JobDriver(recovering: first.recovered)
        second.give(.begin)
        #expect(second.evaluations.isEmpty)
        for agent in all { second.give(.agentAvailable(agent)) }
        #expect(second.evaluations.map(\.value) == [1] && second.tasks.isEmpty && second.hasEnded)

        var alone = JobDriver(recovering: first.recovered)
        alone.give(.begin)
        alone.waitForDeadline()
        #expect(alone.hasEnded, "a finished model does not wait for agents for ever")
    }

    @Test func betweenRoundsTheQuorumIsEnoughAfterAGrace() {
        let all = agents(4)
        var first = JobDriver(.sample(agents: 4, rounds: 2, round: RoundPolicy(quorum: 0.5)), agents: all)
        first.give(.begin)
        first.holds = { $0 == .roundStarted }
        for agent in all { first.verify(agent) }
        #expect(first.recovered.open == nil)
        var second = JobDriver(recovering: first.recovered, agents: Array(all[..<2]))
        second.give(.begin)
        #expect(second.tasks.isEmpty)
        second.waitForDeadline()
        #expect(second.tasks.count == 2)
    }

    @Test func updatesOfRoundsThatArePlayedAgainAreKeptByTheirAgents() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2, rounds: 3), agents: all)
        job.holdsModels = true
        job.give(.begin)
        #expect(job.machine.standing(of: job.key(all[0])) == .notYet)
        #expect(job.machine.standing(of: job.key(all[0], round: 3)) == .notYet)
        #expect(job.machine.standing(of: job.key(all[0], round: 4)) == .refused(.lateUpdate))
        job.give(.modelReady(.sample(0)))
        #expect(job.machine.standing(of: job.key(all[0])) == .wanted)
        #expect(job.machine.standing(of: job.key(all[0], round: 2)) == .notYet)
    }

    @Test func journalReplaysToTheSameStatusAtEveryPrefix() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2, rounds: 3), agents: all)
        job.give(.begin)
        for round in UInt32(1)...3 { for agent in all { job.verify(agent, round: round) } }
        var recovered = RecoveredJob(job: JobID(1), specification: job.machine.specification)
        var last = RoundNumber.initial
        for entry in job.journal {
            recovered.apply(entry)
            let status = JobMachine(recovering: recovered).status
            #expect(status.round == last || status.round == last.next)
            last = status.round
            let open = UInt64(recovered.open?.accepted.count ?? 0)
            #expect(status.acceptedUpdates == UInt64(last.value) * 2 + open)
        }
        #expect(JobMachine(recovering: recovered).isOver)
    }

    @Test func aRoundToldAnewForgetsWhatItHad() {
        let all = agents(2)
        var job = RecoveredJob(job: JobID(1), specification: .sample(agents: 2))
        let started = JournalEntry.roundStarted(JobID(1), RoundNumber(1), attempt: 1, cohort: all)
        for entry in [started, .accepted(.sample(all[0])), .accepted(.sample(all[0]))] { job.apply(entry) }
        #expect(job.open?.accepted.count == 1, "a fact told twice is one fact")
        job.apply(started)
        #expect(job.open?.accepted.isEmpty == true)
    }
}
