// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

@testable import Simulation

struct UploadResumeTests {
    static let updateBytes: UInt64 = 4 * 2_000

    /// One agent whose upload takes about two seconds.
    func slowWorld() -> TestWorld {
        let link = LinkProfile(latency: .milliseconds(5), bytesPerSecond: 4_000)
        let profile = AgentProfile(link: link, training: .milliseconds(200))
        return TestWorld(agents: 1, rounds: 1, elements: 2_000, chunkBytes: 200, profile: profile)
    }

    /// Lets about half of the update arrive.
    func uploadHalf(_ test: TestWorld) -> Int {
        let disk = test.world.coordinator.disk
        #expect(test.run { disk.spools.values.first.map { $0.bytes.count >= 4_000 } ?? false })
        return disk.spools.values.first?.bytes.count ?? 0
    }

    @Test func aKilledAgentSendsOnlyWhatIsMissing() {
        let test = slowWorld()
        let agent = test.world.agents[0]
        let held = uploadHalf(test)
        let sentBefore = agent.sentUpdateBytes
        agent.crash(wipingDisk: false)
        agent.start()
        #expect(test.finish())
        #expect(agent.sentUpdateBytes - sentBefore == Self.updateBytes - UInt64(held))
        #expect(test.violations.isEmpty)
    }

    @Test func aKilledCoordinatorAsksOnlyForWhatIsMissing() {
        let test = slowWorld()
        let agent = test.world.agents[0]
        let held = uploadHalf(test)
        let sentBefore = agent.sentUpdateBytes
        test.world.coordinator.crash(.kill)
        #expect(test.finish())
        #expect(agent.sentUpdateBytes - sentBefore == Self.updateBytes - UInt64(held))
        #expect(test.violations.isEmpty)
    }

    @Test func aBrokenConnectionCostsNoMoreThanWhatWasUnderWay() {
        let test = slowWorld()
        let agent = test.world.agents[0]
        _ = uploadHalf(test)
        let connection = test.world.network.connection(over: agent.link)
        if let connection { test.world.network.sever(connection) }
        #expect(connection != nil && test.finish())
        let window = UInt64(200 * (CoordinatorHost.windowChunks + 1))
        #expect(agent.sentUpdateBytes <= Self.updateBytes + window)
        #expect(agent.sentUpdateBytes > Self.updateBytes, "something was under way")
        #expect(test.violations.isEmpty)
    }

    @Test func anAgentThatLostItsDiskTrainsAgain() {
        let test = slowWorld()
        let agent = test.world.agents[0]
        _ = uploadHalf(test)
        agent.crash(wipingDisk: true)
        agent.start()
        #expect(test.finish())
        // The training is a function of its task: the coordinator finds the bytes that it holds already.
        #expect(agent.sentUpdateBytes < 2 * Self.updateBytes)
        #expect(test.violations.isEmpty)
    }

    @Test func theOutboxIsEmptyOnceTheJobIsDurable() {
        let test = slowWorld()
        #expect(test.finish())
        _ = test.world.clock.runNext()
        while test.world.clock.now < Instant(.seconds(60)), test.world.clock.runNext() {}
        #expect(test.world.agents[0].disk.outbox.isEmpty)
        #expect(test.world.coordinator.disk.spools.isEmpty)
    }
}
