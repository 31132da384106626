// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Agents that die, stand still, or stay away.
@Suite(.fewAtATime)
struct AgentLossTests {
    @Test(arguments: [true, false])
    func allAgentsKilledInAJobAndStartedAgainMakeTheSameModel(hasState: Bool) async throws {
        let job = TestJob(name: "all-killed", rounds: 40, agents: 4)
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job, hasState: hasState)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            // The first time certainly in a round, which stays open as long as one agent stands still.
            cluster.agents["agent-4"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.waitForEvents("roundStarted")
            for kill in 1...3 {
                for agent in cluster.agents.values { agent.kill() }
                try cluster.startAgents(of: job, hasState: hasState)
                try await cluster.waitForEvents("roundCommitted", count: 4 * kill)
            }
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 4 * job.rounds)
        }
    }

    @Test func anAgentThatStandsStillIsDroppedAndComesBack() async throws {
        let job = TestJob(name: "still", rounds: 3, agents: 3)
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            cluster.configuration += "heartbeat: 300ms\nsilence_limit: 2s\nagent_grace: 10m\n"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            cluster.agents["agent-2"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.coordinator.waitForError("agent-2 disconnected: silent")
            cluster.agents["agent-2"]?.send(SIGCONT)
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 3 * job.rounds)
        }
    }

    @Test func aRoundGoesOnWithItsQuorumWithoutAnAgentThatNeverComesBack() async throws {
        var job = TestJob(name: "quorum", rounds: 3, agents: 3, round: "{quorum: 0.6}")
        job.minimumAgents = 2
        try await LocalCluster.with { cluster in
            cluster.configuration += "agent_grace: 300ms\n"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            // It takes its task and never answers.
            cluster.agents["agent-3"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.waitForEvents("roundStarted")
            cluster.agents["agent-3"]?.kill()
            let status = try await cluster.finish(name)
            #expect(status["accepted_updates"]?.integer == 2 * job.rounds)
            let trouble = try cluster.events("agentTrouble").compactMap { $0["message"]?.text }
            #expect(trouble == ["agent-3 was lost in round 1"])
            #expect(cluster.coordinator.errors.contains("agent-3 was lost in round 1"))
        }
    }

    @Test func anAgentThatWasGivenUpIsNotWaitedForInTheNextRounds() async throws {
        let job = TestJob(name: "given-up", rounds: 2, agents: 3)
        try await LocalCluster.with { cluster in
            cluster.configuration += "agent_grace: 300ms\n"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            cluster.agents["agent-3"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.waitForEvents("roundStarted")
            cluster.agents["agent-3"]?.kill()
            #expect(try await cluster.finish(name)["accepted_updates"]?.integer == 2 * job.rounds)
            let messages = try cluster.events().compactMap { $0["message"]?.text }
            let loss = try #require(messages.firstIndex(of: "agent-3 was lost in round 1"))
            let waits = messages[loss...].filter { $0.hasPrefix("waits for agents") }
            #expect(waits.isEmpty, "it was given up in round 1; every later round has who is left")
        }
    }

    @Test func aJobBelowItsQuorumFailsAndSaysWhy() async throws {
        var job = TestJob(
            name: "below-quorum",
            agents: 2,
            round: "{quorum: 1, below_quorum: abandon, maximum_attempts: 1, deadline: 1s}"
        )
        job.minimumAgents = 2
        try await LocalCluster.with { cluster in
            cluster.configuration += "agent_grace: 200ms\n"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            cluster.agents["agent-2"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            let watch = try cluster.watch(name)
            #expect(try await watch.exitCode() == 1)
            #expect(watch.errorLines.count == 1)
            #expect(watch.errors.contains("1 of 2 updates"))
            #expect(try watch.records().last?["status"]?["phase"]?.text == "failed")
        }
    }

    @Test func theLaterOfTwoAgentsWithOneNameTakesOver() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let first = try cluster.startAgent("twin", data: "none")
            try await first.waitForError("connected")
            let second = try cluster.startAgent("twin", data: "none")
            #expect(try await first.exitCode() == 76)
            #expect(first.errorLines.filter { $0.hasPrefix("tributary:") }.count == 1)
            #expect(first.errors.contains("give each agent a name of its own"))
            try await second.waitForError("connected")
            #expect(second.isRunning)
        }
    }
}
