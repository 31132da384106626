// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Simulation

struct VirtualNetworkTests {
    /// One end of a connection that writes down what it hears.
    final class End: VirtualDialer, VirtualListener {
        var connection: ConnectionID?
        var heard: [(time: Instant, number: Int)] = []
        var closings: [String] = []
        var failures: [String] = []
        let clock: VirtualClock

        init(_ clock: VirtualClock) { self.clock = clock }

        func opened(_ connection: ConnectionID, peer: String) { self.connection = connection }
        func connected(_ connection: ConnectionID) { self.connection = connection }
        func connectFailed(_ attempt: UInt64, _ why: String) { failures.append(why) }
        func received(_ frame: VirtualFrame, on connection: ConnectionID) {
            guard case .bytes(let bytes) = frame.content else { return }
            heard.append((clock.now, Int(bytes[0])))
        }
        func closed(_ connection: ConnectionID, _ why: String) { closings.append(why) }
        func drained(_ connection: ConnectionID) {}
    }

    let clock = VirtualClock()
    let network: VirtualNetwork
    let agent: End
    let coordinator: End
    let link: Int

    init() {
        network = VirtualNetwork(clock: clock, log: EventLog(clock: clock), seed: Seed(1))
        agent = End(clock)
        coordinator = End(clock)
        network.listener = coordinator
        network.isListening = true
        let profile = LinkProfile(latency: .milliseconds(20), jitter: .milliseconds(50), bytesPerSecond: 1_000)
        link = network.addLink(profile)
    }

    func run(until time: Duration = .seconds(1_000)) {
        clock.schedule(at: Instant(time)) {}
        while clock.now < Instant(time), clock.runNext() {}
    }

    func connect() throws -> ConnectionID {
        _ = network.dial(agent, link: link)
        run(until: .milliseconds(200))
        return try #require(agent.connection)
    }

    func send(_ number: Int, _ connection: ConnectionID, bytes: Int = 10, _ direction: VirtualNetwork.Direction = .up) {
        network.send(VirtualFrame(.bytes([UInt8(number)]), byteCount: bytes), on: connection, direction)
    }

    @Test func messagesKeepTheirOrderInSpiteOfJitter() throws {
        let connection = try connect()
        for number in 0..<100 { send(number, connection) }
        run()
        #expect(coordinator.heard.map(\.number) == Array(0..<100))
        #expect(network.deliveredBytes == [1_000, 0])
    }

    @Test func bandwidthAndLatencyTakeTheirTime() throws {
        let connection = try connect()
        let begun = clock.now
        send(1, connection, bytes: 2_000)
        #expect(network.backlog(of: connection, .up) == 2_000)
        run()
        let time = begun.duration(to: try #require(coordinator.heard.first?.time))
        #expect(time >= .milliseconds(2_020) && time <= .milliseconds(2_070))
        #expect(network.backlog(of: connection, .up) == 0)
    }

    @Test func aBreakLosesWhatIsUnderWayAndBothEndsHearOfIt() throws {
        let connection = try connect()
        for number in 0..<5 { send(number, connection, bytes: 1_000) }
        run(until: .milliseconds(2_500))
        let arrived = coordinator.heard.count
        #expect(arrived > 0 && arrived < 5)
        network.sever(connection)
        send(9, connection)
        run()
        #expect(coordinator.heard.count == arrived)
        #expect(agent.closings == ["connection reset"] && coordinator.closings == ["connection reset"])
    }

    @Test func aSilentBreakIsHeardByNobody() throws {
        let connection = try connect()
        network.sever(connection, silently: true)
        send(1, connection)
        run()
        #expect(agent.closings.isEmpty && coordinator.closings.isEmpty && coordinator.heard.isEmpty)
    }

    @Test func aCloseComesAfterTheLastMessageAndOnlyToTheOtherEnd() throws {
        let connection = try connect()
        send(1, connection, .down)
        network.close(connection, from: .down)
        send(2, connection, .up)
        run()
        #expect(agent.heard.map(\.number) == [1] && agent.closings.count == 1)
        #expect(coordinator.heard.isEmpty && coordinator.closings.isEmpty)
    }

    @Test func aBlockHoldsOneDirectionBackAndLosesNothing() throws {
        let connection = try connect()
        network.block(link, .up, until: Instant(.seconds(100)))
        send(1, connection)
        send(2, connection, .down)
        run(until: .seconds(50))
        #expect(coordinator.heard.isEmpty && agent.heard.map(\.number) == [2])
        run()
        #expect(coordinator.heard.map(\.number) == [1])
        #expect(coordinator.heard[0].time >= Instant(.seconds(100)))
    }

    @Test func unblockingLetsMessagesThroughAtOnce() throws {
        let connection = try connect()
        network.block(link, .up, until: Instant(.seconds(900)))
        send(1, connection)
        run(until: .seconds(10))
        network.unblockAll()
        run(until: .seconds(20))
        #expect(coordinator.heard.map(\.number) == [1])
    }

    @Test func aCallIsRefusedLostOrAbandoned() {
        network.isListening = false
        _ = network.dial(agent, link: link)
        run(until: .seconds(1))
        #expect(agent.failures == ["connection refused"])
        network.isListening = true
        network.block(link, .down, until: Instant(.seconds(5)))
        _ = network.dial(agent, link: link)
        run(until: .seconds(4))
        #expect(agent.connection == nil && agent.failures.count == 1)
        run(until: .seconds(6))
        network.abandon(network.dial(agent, link: link))
        run(until: .seconds(8))
        #expect(agent.connection == nil && coordinator.connection == nil)
    }
}
