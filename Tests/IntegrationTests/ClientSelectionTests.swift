// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Agents that are chosen by their labels and their uncertainty, as processes over TCP.
@Suite(.fewAtATime)
struct ClientSelectionTests {
    private static let job = TestJob(
        name: "steered",
        rounds: 12,
        agents: 7,
        minimumAgents: 5,
        round: "{cohort: 2}",
        data: "glyphs?samples=300&test=70",
        split: "dirichlet:0.3",
        further: """
            selection: {policy: uncertainty, exploration: 0.4, samples: 20, where: "region=eu & ram>4"}
            """
    )

    /// Agents 2 and 6 do not meet the condition, one for each half of it.
    private static func labels(of agent: String) -> [String] {
        ["region=\(agent == "agent-2" ? "us" : "eu")", "ram=\(agent == "agent-6" ? 4 : 8)"]
    }

    private static func start(_ agent: String, in cluster: LocalCluster) throws {
        try cluster.startAgent(agent, data: job.data(of: agent), hasState: true, labels: labels(of: agent))
    }

    @Test func processesThatAreKilledChooseWhatTheSimulationChooses() async throws {
        var simulated = Self.job
        simulated.further += "\nlabels: {region: [eu, us, eu, eu, eu, eu, eu], ram: [8, 8, 8, 8, 8, 4, 8]}"
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: simulated)
            #expect(try await cluster.simulatedDigest(of: simulated, mode: "protocol") == undisturbed)
            try await cluster.startCoordinator()
            for agent in Self.job.agentNames { try Self.start(agent, in: cluster) }
            let name = try await cluster.submit(Self.job)
            for kill in [1, 3] {
                try await cluster.waitForEvents("roundCommitted", count: 2)
                cluster.coordinator.kill()
                cluster.agents["agent-\(kill)"]?.kill()
                try await cluster.startCoordinator()
                try Self.start("agent-\(kill)", in: cluster)
            }
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 2 * Self.job.rounds, "each update counts once")
            cluster.coordinator.send(SIGTERM)
            #expect(try await cluster.coordinator.exitCode() == 0)
            try await Self.checkReasons(cluster)
        }
    }

    /// What the journal tells of the choices: everyone asked has a reason, nobody was asked whom the condition bars.
    private static func checkReasons(_ cluster: LocalCluster) async throws {
        let state = try await cluster.command("inspect", cluster.state, "--json")
        let journal = try #require(try state.records().first?["jobs"]?.list?.first)
        let selections = try #require(journal["selections"]?.list)
        #expect(selections.count == job.rounds)
        let chosen = selections.flatMap { $0["chosen"]?.list ?? [] }
        #expect(chosen.count == 2 * job.rounds)
        let reasons = chosen.compactMap { $0["reason"]?.text }
        #expect(
            reasons.count { $0 == "exploration" } == job.rounds && reasons.count { $0 == "uncertain" } == job.rounds
        )
        #expect(chosen.allSatisfy { ($0["value"]?.number != nil) == ($0["reason"]?.text == "uncertain") })
        let names = Set(chosen.compactMap { $0["agent"]?.text })
        #expect(names == ["agent-1", "agent-3", "agent-4", "agent-5", "agent-7"])
        let shown = try await cluster.command("inspect", cluster.state)
        #expect(shown.output.contains("asked in round 12.1: 1 exploration, 1 uncertain"))
    }
}
