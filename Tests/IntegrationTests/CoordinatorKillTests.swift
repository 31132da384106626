// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A coordinator that is killed goes on where it was.
@Suite(.fewAtATime)
struct CoordinatorKillTests {
    @Test(arguments: [UInt64(1), 2, 3])
    func killedAtSixMomentsOfAJobTheCoordinatorMakesTheSameModel(seed: UInt64) async throws {
        var dice = Dice(seed: seed)
        let job = TestJob(
            name: "killed",
            seed: Int(seed),
            rounds: 100,
            agents: 3,
            training: "{local_epochs: 2, batch_size: 8, learning_rate: 0.05, momentum: 0.5}",
            round: seed == 2 ? "{cohort: 2}" : "{cohort: 0}"
        )
        let kills = 6
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job, hasState: seed != 3)
            var killsInTheJob = 0
            for _ in 0..<kills {
                // A few events after the (re)start, then a little later: between any two things that it does.
                try await cluster.waitForEvents(count: Int.random(in: 2...7, using: &dice))
                try await Task.sleep(for: .microseconds(Int.random(in: 0...20_000, using: &dice)))
                if try cluster.events("ended").isEmpty { killsInTheJob += 1 }
                cluster.coordinator.kill()
                try await cluster.startCoordinator()
            }
            #expect(killsInTheJob > kills / 2)
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed, "seed \(seed)")
            #expect(status["round"]?.integer == job.rounds)
            let cohort = seed == 2 ? 2 : 3
            #expect(status["accepted_updates"]?.integer == cohort * job.rounds, "each update counts once")
        }
    }

    @Test func killedTogetherWithAllItsAgentsTheFederationMakesTheSameModel() async throws {
        let job = TestJob(name: "power-cut", rounds: 8, agents: 3)
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job, hasState: true)
            try await cluster.waitForEvents("roundCommitted", count: 2)
            cluster.coordinator.kill()
            for agent in cluster.agents.values { agent.kill() }
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job, hasState: true)
            #expect(try await cluster.finish(name)["model_digest"]?.text == undisturbed)
        }
    }

    @Test func aFinishedJobIsStillThereAfterAKill() async throws {
        let job = TestJob(name: "kept", rounds: 2, agents: 2)
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job)
            let before = try await cluster.finish(name)
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            let after = try await cluster.finish(name)
            for key in ["model_digest", "phase", "round", "accepted_updates", "accuracy", "loss", "bytes_up"] {
                #expect(after[key] == before[key], "\(key)")
            }
        }
    }

    @Test func theFirstLineNamesTheAddressAlsoAfterARestart() async throws {
        let job = TestJob(name: "first-line", rounds: 2, agents: 2)
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            _ = try await cluster.submit(job)
            try await cluster.waitForEvents()
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            try await cluster.waitForEvents()
            #expect(try cluster.coordinator.records().first?["listen"]?.text == cluster.address)
        }
    }

    @Test func aLastRoundThatIsCommittedAfterARestartIsEvaluatedByItsAgents() async throws {
        var job = TestJob(name: "last-round", rounds: 1, agents: 2, data: "glyphs?samples=40&test=10")
        job.model = "{kind: mlp, input: [28, 28], classes: 10, hidden: [4096, 512]}"
        try await LocalCluster.with { cluster in
            cluster.configuration = "reconnect_earliest: 1s\nreconnect_latest: 2s\n"
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job, hasState: true)
            // Killed while it writes the model of the only round: all updates are accepted, nothing is committed.
            let models = "\(cluster.state)/jobs/\(name)"
            try await eventually("the model is written") {
                try FileManager.default.fileExists(atPath: models)
                    && !FileManager.default.contentsOfDirectory(atPath: models).isEmpty
            }
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            let status = try await cluster.finish(name)
            #expect(status["evaluated_round"]?.integer == 1)
            #expect(try #require(status["loss"]?.number) > 0, "measured on the agents' held-out samples")
        }
    }
}
