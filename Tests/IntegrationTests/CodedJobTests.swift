// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Jobs whose coding and strategy remember, over real sockets: the model is that of the undisturbed simulation.
@Suite(.fewAtATime)
struct CodedJobTests {
    static let jobs = [
        TestJob(
            name: "feedback",
            rounds: 30,
            agents: 3,
            further: """
                codec: {uplink: "topk:fraction=0.05+ef14", downlink: "ecdq:bits=4", anchor: int8, anchor_every: 4}
                strategy: fedadam
                """
        ),
        TestJob(
            name: "controlled",
            rounds: 30,
            agents: 3,
            further: "codec: {uplink: \"ecdq:bits=3\", downlink: \"eden:bits=4\", anchor: fp32}\nstrategy: scaffold"
        ),
        TestJob(
            name: "calibrated",
            rounds: 30,
            agents: 3,
            training: OpenWorldJobTests.training,
            data: OpenWorldJobTests.data,
            split: "rare:2",
            further: "strategy: fedossl"
        ),
    ]

    @Test(arguments: jobs)
    func killedAgainAndAgainCoordinatorAndAgentsMakeTheSameModel(job: TestJob) async throws {
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job, hasState: true)
            let name = try await cluster.submit(job)
            for kill in 1...3 {
                try await cluster.waitForEvents("roundCommitted", count: 1)
                cluster.coordinator.kill()
                cluster.agents["agent-\(kill)"]?.kill()
                try await cluster.startCoordinator()
                try cluster.startAgent("agent-\(kill)", data: job.data(of: "agent-\(kill)"), hasState: true)
            }
            let status = try await cluster.finish(name)
            #expect(status["accepted_updates"]?.integer == 3 * job.rounds, "each update counts once")
            #expect(status["model_digest"]?.text == undisturbed)
        }
    }

    @Test func bufferedRoundsGoOnThroughKillsAndCountEachUpdateOnce() async throws {
        let job = TestJob(
            name: "buffered",
            // So many that a fast coordinator does not end the job before a slow machine kills it.
            rounds: 200,
            agents: 4,
            round: "{mode: buffered, cohort: 2}",
            further: "strategy: fedbuff"
        )
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job, hasState: true)
            let name = try await cluster.submit(job)
            for _ in 1...3 {
                try await cluster.waitForEvents("roundCommitted", count: 2)
                cluster.coordinator.kill()
                try await cluster.startCoordinator()
            }
            let status = try await cluster.finish(name)
            #expect(status["round"]?.integer == job.rounds)
            let accepted = try #require(status["accepted_updates"]?.integer)
            #expect(accepted <= 2 * job.rounds && accepted > job.rounds)
            #expect((status["accuracy"]?.number ?? 0) > 0.5)
        }
    }

    @Test func metricsTellBytesByAgentAndKind() async throws {
        let job = TestJob(name: "metrics", rounds: 2, agents: 2)
        try await LocalCluster.with { cluster in
            let path = cluster.folder.path("metrics.prom")
            try await cluster.startCoordinator(further: ["--metrics", path])
            try cluster.startAgents(of: job)
            _ = try await cluster.finish(try await cluster.submit(job))
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let model = (784 * 32 + 32 + 32 * 10 + 10) * 4
            #expect(text.contains("tributary_rounds_total{job=\"job-1\"} 2\n"))
            #expect(text.contains("tributary_updates_total{job=\"job-1\",verdict=\"accepted\"} 4\n"))
            for agent in job.agentNames {
                let up = "tributary_bytes_total{job=\"job-1\",agent=\"\(agent)\",direction=\"up\"} \(2 * model)\n"
                #expect(text.contains(up), "\(text)")
            }
            #expect(text.contains("tributary_update_bytes_total{job=\"job-1\",kind=\"bias\"} \(4 * 42 * 4)\n"))
            #expect(text.contains("# TYPE tributary_bytes_total counter\n"))
        }
    }
}
