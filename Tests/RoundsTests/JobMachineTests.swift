// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct JobMachineTests {
    @Test func runsAllRoundsAndEnds() {
        let all = agents(3)
        var job = JobDriver(.sample(agents: 3, rounds: 2), agents: all)
        job.give(.begin)
        for round in UInt32(1)...2 {
            #expect(job.tasks.map(\.key) == all.map { job.key($0, round: round) })
            job.clear()
            for agent in all { job.verify(agent, round: round) }
            #expect(job.folds.first?.map(\.key.agent) == all)
            #expect(job.commits.map(\.round.value) == [round])
        }
        #expect(job.hasEnded && job.machine.status.phase == .finished)
        #expect(job.machine.status.acceptedUpdates == 6)
    }

    @Test func waitsForMinimumAgents() {
        let all = agents(3)
        var job = JobDriver(.sample(agents: 3), agents: Array(all[..<2]))
        job.give(.begin)
        job.wait(.seconds(1_000))
        #expect(job.tasks.isEmpty)
        #expect(job.machine.status.phase == .waiting)
        #expect(job.machine.nextDeadline == nil)
        job.give(.agentAvailable(all[2]))
        #expect(job.tasks.count == 3)
    }

    @Test func selectsTheSameCohortForTheSameSeedAndAnotherForTheNextRound() {
        let all = agents(40)
        let policy = RoundPolicy(cohort: 5)
        func cohorts() -> [[AgentID]] {
            var job = JobDriver(.sample(agents: 40, rounds: 3, round: policy), agents: all)
            job.give(.begin)
            var cohorts: [[AgentID]] = []
            for round in UInt32(1)...3 {
                cohorts.append(job.tasks.map(\.key.agent))
                job.clear()
                for agent in cohorts.last ?? [] { job.verify(agent, round: round) }
                job.actions = job.actions.filter { if case .assign = $0 { true } else { false } }
            }
            return cohorts
        }
        let first = cohorts()
        #expect(first == cohorts())
        #expect(first.allSatisfy { $0.count == 5 && Set($0).count == 5 })
        #expect(Set(first).count == 3)
    }

    @Test func tasksOfOneRoundDifferInSeedOnly() {
        var job = JobDriver(.sample(agents: 3), agents: agents(3))
        job.give(.begin)
        #expect(Set(job.tasks.map(\.seed)).count == 3)
        #expect(Set(job.tasks.map(\.base.digest)).count == 1)
        #expect(job.tasks.allSatisfy { $0.deadline == .seconds(60) })
    }

    @Test func duplicateUpdateIsAcknowledgedTwiceAndCountedOnce() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2), agents: all)
        job.give(.begin)
        job.verify(all[0])
        job.verify(all[0])
        #expect(job.accepts == [job.key(all[0]), job.key(all[0])])
        #expect(job.machine.status.acceptedUpdates == 1)
        #expect(job.journal.count { if case .accepted = $0 { true } else { false } } == 1)
    }

    @Test func duplicateDuringJournalingIsAnsweredOnce() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2), agents: all)
        job.holds = { $0 == .accepted(AgentID(number: 1, of: 2)) }
        job.give(.begin)
        job.verify(all[0])
        #expect(job.machine.standing(of: job.key(all[0])) == .inHand)
        job.verify(all[0])
        #expect(job.accepts.isEmpty && job.held.count == 1)
        job.give(.recorded(.accepted(all[0])))
        #expect(job.accepts == [job.key(all[0])])
    }

    @Test func overSelectionTakesTheFirstAndTellsTheRest() {
        let all = agents(4)
        var job = JobDriver(.sample(agents: 4, round: RoundPolicy(cohort: 2, overSelection: 1)), agents: all)
        job.give(.begin)
        #expect(job.tasks.count == 4)
        job.verify(all[3])
        job.verify(all[1])
        #expect(job.folds.first?.map(\.key.agent) == [all[1], all[3]])
        #expect(job.withdrawn.map(\.0.agent) == [all[0], all[2]])
        #expect(job.withdrawn.allSatisfy { $0.1 == .roundFull })
        #expect(job.machine.standing(of: job.key(all[0])) == .refused(.lateUpdate))
    }

    @Test func updatesOfAnotherAttemptOrAStrangerDoNotCount() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2), agents: all)
        job.give(.begin)
        #expect(job.machine.standing(of: job.key(all[0], attempt: 0)) == .refused(.lateUpdate))
        #expect(job.machine.standing(of: job.key(AgentID(number: 9, of: 9))) == .refused(.notSelected))
    }

    @Test func lostAgentComesBackAndIsAskedAgain() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2), agents: all)
        job.give(.begin)
        job.clear()
        job.give(.agentDisconnected(all[0]))
        job.give(.agentUnavailable(all[0]))
        #expect(job.machine.pendingAgents == [all[1]])
        job.give(.agentAvailable(all[0]))
        #expect(job.tasks.map(\.key.agent) == [all[0]])
        job.verify(all[0])
        job.verify(all[1])
        #expect(job.commits.count == 1)
    }

    @Test func agentLostWhileTheRoundIsJournaledIsNotWaitedFor() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2, round: RoundPolicy(quorum: 0.5)), agents: all)
        job.holds = { $0 == .roundStarted }
        job.give(.begin)
        job.give(.agentUnavailable(all[0]))
        job.holds = { _ in false }
        job.give(.recorded(.roundStarted))
        #expect(job.tasks.map(\.key.agent) == [all[1]])
        job.verify(all[1])
        #expect(job.commits.count == 1)
    }

    @Test func refusedAgentIsNotWaitedFor() {
        let all = agents(3)
        var job = JobDriver(.sample(agents: 3, round: RoundPolicy(quorum: 0.5)), agents: all)
        job.give(.begin)
        job.verify(all[0])
        job.give(.failed(job.key(all[1]), .notFinite, ""))
        job.verify(all[2])
        #expect(job.folds.first?.count == 2)
        #expect(job.machine.status.refusedUpdates == 1)
        #expect(job.machine.standing(of: job.key(all[1])) == .refused(.lateUpdate))
    }

    @Test func abandonedRoundIsTriedAgainWithANewAttemptThenTheJobFails() {
        let all = agents(2)
        let policy = RoundPolicy(
            quorum: 1,
            deadline: DurationText(.seconds(10)),
            belowQuorum: .abandon,
            maximumAttempts: 2
        )
        var job = JobDriver(.sample(agents: 2, round: policy), agents: all)
        job.give(.begin)
        job.verify(all[0])
        job.clear()
        job.waitForDeadline()
        #expect(job.withdrawn.map(\.0.agent) == [all[1]])
        #expect(job.tasks.map(\.key) == all.map { job.key($0, attempt: 2) })
        #expect(job.machine.status.acceptedUpdates == 0)
        #expect(job.machine.standing(of: job.key(all[0], attempt: 1)) == .refused(.lateUpdate))
        job.clear()
        job.waitForDeadline()
        #expect(job.machine.status.phase == .failed && job.hasEnded)
        #expect(job.withdrawn.map(\.0.agent) == all, "every agent is told once")
    }

    @Test func updateOfAnAbandonedAttemptIsNotTakenForTheCommittedOne() {
        let all = agents(2)
        let policy = RoundPolicy(quorum: 1, deadline: DurationText(.seconds(10)), belowQuorum: .abandon)
        var job = JobDriver(.sample(agents: 2, round: policy), agents: all)
        job.give(.begin)
        job.verify(all[0])
        job.waitForDeadline()
        for agent in all { job.verify(agent, attempt: 2) }
        #expect(job.commits.count == 1)
        #expect(job.machine.standing(of: job.key(all[0], attempt: 2)) == .accepted)
        #expect(job.machine.standing(of: job.key(all[0], attempt: 1)) == .refused(.lateUpdate))
        let restarted = JobMachine(recovering: job.recovered)
        #expect(restarted.standing(of: job.key(all[0], attempt: 2)) == .accepted)
        #expect(restarted.standing(of: job.key(all[0], attempt: 1)) == .refused(.lateUpdate))
    }

    @Test func evaluatesAsOftenAsItShouldAndAtTheEnd() {
        let all = agents(1)
        var job = JobDriver(.sample(agents: 1, rounds: 5, evaluateEvery: 2), agents: all)
        job.give(.begin)
        for round in UInt32(1)...5 { job.verify(all[0], round: round) }
        #expect(job.evaluations.map(\.value) == [2, 4, 5])
        #expect(job.machine.status.evaluation.accuracy == 0.5)
        #expect(job.machine.status.evaluatedRound.value == 5 && job.hasEnded)
    }

    @Test func gatheringBelowTheQuorumDoesNotSpin() {
        let all = agents(4)
        var job = JobDriver(.sample(agents: 4, rounds: 3, round: RoundPolicy(quorum: 0.5)), agents: all)
        job.give(.begin)
        for agent in all[..<3] { job.give(.agentDisconnected(agent)) }
        for agent in all { job.verify(agent) }
        #expect(job.machine.nextDeadline == job.now.advanced(by: JobMachine.gatheringGrace))
        job.waitForDeadline()
        #expect(job.machine.nextDeadline == nil, "the timer is not due again and again")
        job.clear()
        job.give(.agentAvailable(all[0]))
        #expect(job.tasks.map(\.key.agent) == [all[0], all[3]], "the quorum is enough after the grace")
    }

    @Test func aDeadlineThatPassesDuringJournalingDoesNotSpin() {
        let all = agents(2)
        let policy = RoundPolicy(quorum: 0.5, deadline: DurationText(.seconds(10)))
        var job = JobDriver(.sample(agents: 2, round: policy), agents: all)
        job.holds = { if case .accepted = $0 { true } else { false } }
        job.give(.begin)
        job.verify(all[0])
        job.wait(.seconds(20))
        #expect(job.machine.nextDeadline == nil)
        job.give(.recorded(.accepted(all[0])))
        #expect(job.folds.count == 1)
    }

    @Test func aRoundTakesTheTimeFromItsFirstTaskToItsCommit() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2, rounds: 1), agents: all)
        job.holds = { $0 == .roundStarted }
        job.give(.begin)
        // Whatever comes before the first task (a model that is evaluated, a slow disk) is no part of the round.
        job.now = job.now.advanced(by: .seconds(7))
        job.holds = { _ in false }
        job.give(.recorded(.roundStarted))
        job.now = job.now.advanced(by: .seconds(2))
        for agent in all { job.verify(agent) }
        #expect(job.commits.map(\.elapsed) == [.seconds(2)])
    }
}
