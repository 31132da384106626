// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Rounds

/// Rounds whose agents are asked, and whose updates are counted, all at once.
struct JobMachineTogetherTests {
    private func groups(_ job: JobDriver) -> [TaskGroup] {
        job.actions.compactMap { if case .assignTogether(let group) = $0 { group } else { nil } }
    }

    private func together(_ specification: JobSpecification, agents: [AgentID]) -> JobDriver {
        var job = JobDriver(specification, agents: agents)
        job.machine.asksTogether = true
        job.give(.begin)
        return job
    }

    @Test func aGroupHasTheTasksOfItsAgents() throws {
        let all = agents(12)
        let policy = RoundPolicy(cohort: 5)
        var single = JobDriver(.sample(agents: 12, rounds: 2, round: policy), agents: all)
        single.give(.begin)
        let job = together(.sample(agents: 12, rounds: 2, round: policy), agents: all)
        let group = try #require(groups(job).first)
        #expect(job.tasks.isEmpty && groups(job).count == 1)
        #expect(Array(group) == single.tasks && group.count == 5)
        #expect(group.indices.map { group.key(at: $0) } == single.tasks.map(\.key))
        #expect(group.indices.map { group.seed(at: $0).value } == single.tasks.map(\.seed))
    }

    @Test func updatesCountedTogetherMakeTheRoundsOfSingleOnes() {
        let all = agents(4)
        var single = JobDriver(.sample(agents: 4, rounds: 2), agents: all)
        single.give(.begin)
        var job = together(.sample(agents: 4, rounds: 2), agents: all)
        for round in UInt32(1)...2 {
            for agent in all { single.verify(agent, round: round) }
            job.give(.verifiedTogether(all.map { .sample($0, round: round) }))
        }
        #expect(job.folds == single.folds && job.commits == single.commits && job.hasEnded)
        #expect(job.machine.status == single.machine.status)
        #expect(job.accepts.isEmpty && job.machine.status.acceptedUpdates == 8)
    }

    @Test func whatDoesNotBelongToTheRoundDoesNotCount() {
        let all = agents(4)
        var job = together(.sample(agents: 4, rounds: 2), agents: Array(all[..<4]))
        job.give(.verifiedTogether([.sample(all[0], round: 2), .sample(all[1], attempt: 2), .sample(all[2])]))
        job.give(.verifiedTogether([.sample(all[2])]))
        #expect(job.machine.status.acceptedUpdates == 1 && job.folds.isEmpty)
        job.give(.verifiedTogether([all[0], all[1], all[3]].map { .sample($0) }))
        #expect(job.folds.first?.map(\.key.agent) == all && job.commits.count == 1)
    }

    @Test func updatesAreFoldedInTheOrderOfTheirAgentsHoweverTheyCome() {
        let all = agents(4)
        for given in [Array(all.reversed()), [all[1], all[0], all[2], all[3]]] {
            var job = together(.sample(agents: 4, rounds: 2), agents: all)
            job.give(.verifiedTogether(given.map { .sample($0) }))
            #expect(job.folds.first?.map(\.key.agent) == all && job.machine.status.acceptedUpdates == 4)
        }
    }

    @Test func tasksThatDifferInMoreAreGivenOneByOne() {
        let job = together(.sample(agents: 3, round: RoundPolicy(mode: .buffered, cohort: 2)), agents: agents(3))
        #expect(groups(job).isEmpty && job.tasks.count == 3)
    }
}
