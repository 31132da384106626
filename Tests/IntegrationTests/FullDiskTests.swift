// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A coordinator whose disk is full waits, says so, and loses nothing.
@Suite(.fewAtATime)
struct FullDiskTests {
    @Test(
        .enabled(if: Program.canMount, "SKIPPED: needs root and the right to mount a small file system"),
        arguments: [false, true]
    )
    func aJobPausesOnAFullDiskAndFinishesWhenThereIsRoom(isKilled: Bool) async throws {
        // Each round's model and updates have 1 MB.
        let job = TestJob(
            name: "full-disk",
            rounds: 6,
            agents: 2,
            model: "{kind: mlp, input: [28, 28], classes: 10, hidden: [300]}"
        )
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            let disk = try SmallDisk(at: cluster.folder.path("disk"), megabytes: 24)
            defer { disk.unmount() }
            cluster.state = "\(disk.path)/state"
            try await cluster.startCoordinator()
            try cluster.startAgents(of: job)
            for agent in cluster.agents.values { try await agent.waitForError("connected") }
            // The round stays open, so that the disk is full before the first update comes.
            cluster.agents["agent-2"]?.send(SIGSTOP)
            let name = try await cluster.submit(job)
            try await cluster.waitForEvents("roundStarted")
            try disk.fill()
            cluster.agents["agent-2"]?.send(SIGCONT)
            try await eventually("the coordinator tells of the disk: \(cluster.coordinator.errors)") {
                cluster.coordinator.errors.contains("No space left on device")
                    || cluster.coordinator.errors.contains("the disk is full")
            }
            #expect(cluster.coordinator.isRunning)
            let paused = try await cluster.command("job", "status", name, "--coordinator", cluster.address, "--json")
            #expect(try paused.records().first?["phase"]?.text == "running")
            if isKilled {
                cluster.coordinator.kill()
                disk.free()
                try await cluster.startCoordinator()
            } else {
                disk.free()
            }
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 2 * job.rounds)
            #expect(status["message"]?.text == "")
        }
    }
}
