// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Processes that are asked to stop.
@Suite(.fewAtATime)
struct ShutdownTests {
    @Test func aCoordinatorThatIsAskedToStopSaysGoodbyeAndItsAgentsComeBackLater() async throws {
        let job = TestJob(name: "stopped", rounds: 4, agents: 3)
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            cluster.configuration += "agent_grace: 1h\n"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            // The round stays open as long as one agent stands still.
            cluster.agents["agent-3"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.waitForEvents("roundStarted")
            for signal in [SIGTERM, SIGINT] {
                cluster.coordinator.send(signal)
                #expect(try await cluster.coordinator.exitCode() == 0)
                for agent in ["agent-1", "agent-2"] {
                    try await cluster.agents[agent]?.waitForError("the coordinator stops; come back later")
                    #expect(cluster.agents[agent]?.isRunning == true)
                }
                try await cluster.startCoordinator()
                for agent in ["agent-1", "agent-2"] {
                    try await cluster.coordinator.waitForError("\(agent) connected")
                }
            }
            cluster.agents["agent-3"]?.send(SIGCONT)
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 3 * job.rounds)
        }
    }

    @Test func anAgentThatIsAskedToStopSaysGoodbyeAndEndsWithSuccess() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let agent = try cluster.startAgent("leaving", data: "none")
            try await agent.waitForError("connected")
            agent.send(SIGTERM)
            #expect(try await agent.exitCode() == 0)
            try await cluster.coordinator.waitForError("leaving disconnected: ")
            #expect(cluster.coordinator.errors.contains("the peer said goodbye: the agent stops"))
        }
    }

    @Test func anOperatorThatWatchesIsToldThatTheCoordinatorStops() async throws {
        let job = TestJob(name: "watched")
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let watch = try cluster.watch(try await cluster.submit(job))
            try await eventually("the first event") { !watch.outputLines.isEmpty }
            cluster.coordinator.send(SIGTERM)
            #expect(try await watch.exitCode() == 69)
            #expect(watch.errorLines.count == 1)
            #expect(watch.errors.contains("the coordinator stops"))
        }
    }
}
