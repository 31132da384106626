// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Transfers that break off go on where they broke off, in both directions.
@Suite(.fewAtATime)
struct UploadResumptionTests {
    /// A model of 21 MB that a few samples train: its updates are far larger than all buffers on the way.
    private static let job = TestJob(
        name: "large",
        rounds: 2,
        agents: 2,
        model: "{kind: mlp, input: [28, 28], classes: 10, hidden: [4096, 512]}",
        training: "{local_epochs: 1, batch_size: 32, learning_rate: 0.05}",
        data: "glyphs?samples=40&test=10"
    )
    private static let updateBytes = 4 * (785 * 4_096 + 4_097 * 512 + 513 * 10)
    /// What a transfer may cost beside its bytes: headers, other messages, and the chunk that broke off.
    private static let overhead = 1 << 20

    @Test func anAgentKilledInAnUploadSendsOnlyTheRestAfterItsRestart() async throws {
        let job = Self.job
        let passed = 9 << 20
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            let relay = try TCPRelay(to: cluster.port) { $0 == 0 ? .holdUp(after: passed) : .pass }
            defer { relay.close() }
            let name = try await cluster.submit(job)
            try cluster.startAgent("agent-1", data: job.data(of: "agent-1"), port: relay.port, hasState: true)
            try cluster.startAgent("agent-2", data: job.data(of: "agent-2"))
            try await eventually("the upload is under way") { relay.isHolding(0) }
            cluster.agents["agent-1"]?.kill()
            relay.cut()
            let log = cluster.coordinator
            try await log.waitForError("agent-1 disconnected")
            try cluster.startAgent("agent-1", data: job.data(of: "agent-1"), port: relay.port, hasState: true)
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 4)
            // The second connection carries the rest of round 1 and all of round 2.
            let rest = 2 * Self.updateBytes - passed
            #expect(relay.bytesUp[0] == passed)
            #expect(relay.bytesUp.dropFirst().reduce(0, +) <= rest + Self.overhead)
            #expect(relay.bytesUp.dropFirst().reduce(0, +) >= rest)
        }
    }

    @Test func aCoordinatorKilledInAnUploadAsksOnlyForTheRestAfterItsRestart() async throws {
        let job = Self.job
        let passed = 9 << 20
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            let relay = try TCPRelay(to: cluster.port) { $0 == 0 ? .holdUp(after: passed) : .pass }
            defer { relay.close() }
            let name = try await cluster.submit(job)
            try cluster.startAgent("agent-1", data: job.data(of: "agent-1"), port: relay.port)
            try cluster.startAgent("agent-2", data: job.data(of: "agent-2"))
            try await eventually("the upload is under way") { relay.isHolding(0) }
            // All that was passed on is in the spool when the other end has been read empty.
            relay.cut()
            try await cluster.coordinator.waitForError("agent-1 disconnected")
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            let again = relay.bytesUp.dropFirst().reduce(0, +)
            #expect(again <= 2 * Self.updateBytes - passed + Self.overhead)
        }
    }

    @Test func connectionsCutAgainAndAgainCostNoByteTwice() async throws {
        let job = Self.job
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            try await cluster.startCoordinator()
            // Down and up, at odd places: in the middle of chunks, of length words, of headers.
            let fates: [TCPRelay.Fate] = [
                .cutDown(after: 7), .cutDown(after: 3_000_001), .cutUp(after: 2), .cutDown(after: 6_500_003),
                .cutUp(after: 4_000_003), .cutUp(after: 123), .cutUp(after: 5_242_880), .cutUp(after: 7_777_777),
                .cutDown(after: 9_999_999), .cutUp(after: 10_000_001),
            ]
            let relay = try TCPRelay(to: cluster.port) { $0 < fates.count ? fates[$0] : .pass }
            defer { relay.close() }
            let name = try await cluster.submit(job)
            try cluster.startAgent("agent-1", data: job.data(of: "agent-1"), port: relay.port)
            try cluster.startAgent("agent-2", data: job.data(of: "agent-2"))
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 4)
            #expect(relay.bytesUp.count > fates.count, "every cut happened")
            // Each connection may lose the chunk under way, nothing more. Three models go down (the last to be
            // evaluated), two updates go up.
            let lost = relay.bytesUp.count * Self.overhead
            #expect(relay.bytesUp.reduce(0, +) <= 2 * Self.updateBytes + lost)
            #expect(relay.bytesDown.reduce(0, +) <= 3 * Self.updateBytes + lost)
        }
    }
}
