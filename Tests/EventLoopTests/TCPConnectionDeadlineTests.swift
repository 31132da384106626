// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct TCPConnectionDeadlineTests {
        @Test func quietConnectionIsClosed() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.idleDeadline = .milliseconds(60)
                let (client, server) = try await connectedPair(on: loop, server: configuration)
                let reasons = (client: Eventually<String>(), server: Eventually<CloseReason>())
                try await loop.run {
                    client.start(receiver: ClosureReceiver()) { reasons.client.fulfill($0.kind) }
                    server.start(receiver: ClosureReceiver()) { reasons.server.fulfill($0) }
                }
                guard case .idleDeadline(let duration) = await reasons.server.value else {
                    Issue.record("another reason")
                    return
                }
                #expect(duration == .milliseconds(60))
                #expect(await reasons.client.value == "reset")
            }
        }

        @Test func trafficInOneDirectionKeepsBothSidesAlive() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.idleDeadline = .milliseconds(800)
                let (client, server) = try await connectedPair(on: loop, client: configuration, server: configuration)
                let pings = 12
                let ended = (client: Eventually<Int>(), server: Eventually<Int>())
                let heard = Shared(0)
                try await loop.run {
                    server.start(receiver: ClosureReceiver { bytes in heard.update { $0 += bytes.count } }) { _ in
                        ended.server.fulfill(heard.value)
                    }
                    client.start(receiver: ClosureReceiver()) { _ in ended.client.fulfill(heard.value) }
                    for index in 0..<pings {
                        loop.schedule(after: .milliseconds(100 * index)) { client.send(".") }
                    }
                }
                #expect(await ended.client.value == pings)
                #expect(await ended.server.value == pings)
            }
        }

        @Test func peerThatNeverReadsIsClosed() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.progressDeadline = .milliseconds(100)
                let (client, server) = try await connectedPair(on: loop, client: configuration)
                let reason = Eventually<String>()
                try await loop.run {
                    server.pauseReading()
                    client.start(receiver: ClosureReceiver()) { reason.fulfill($0.kind) }
                    let bytes = Pattern.shared.bytes(at: 0, count: 1 << 20)
                    for _ in 0..<40 { client.write([OutboundBytes(bytes, owner: Pattern.shared)]) }
                    #expect(client.queuedBytes > 0)
                }
                #expect(await reason.value == "progressDeadline")
                try await loop.run { server.abort() }
            }
        }

        @Test func slowPeerThatMovesIsNotClosed() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.progressDeadline = .milliseconds(1000)
                configuration.sendBufferBytes = 64 << 10
                configuration.receiveBufferBytes = 64 << 10
                let total = 2 << 20
                let (client, server) = try await connectedPair(on: loop, client: configuration, server: configuration)
                let ended = Eventually<String>()
                try await loop.run {
                    // One piece every few milliseconds: the single large write lasts longer than the deadline.
                    let receiver = PatternReceiver(expected: total)
                    let slow = ClosureReceiver { bytes in
                        try receiver.received(bytes)
                        server.pauseReading()
                        loop.schedule(after: .milliseconds(40)) { server.resumeReading() }
                    }
                    server.start(receiver: slow) { _ in }
                    client.start(receiver: ClosureReceiver()) { ended.fulfill($0.kind) }
                    let bytes = Pattern.shared.bytes(at: 0, count: total)
                    client.write([OutboundBytes(bytes, owner: Pattern.shared)])
                    client.setDeadlines(idle: nil, progress: .milliseconds(1000))
                    loop.schedule(after: .milliseconds(1300)) {
                        if client.queuedBytes > 0 || client.bytesWritten == UInt64(total) {
                            client.close(within: .seconds(30))
                        }
                    }
                }
                #expect(await ended.value == "local")
            }
        }

        @Test func deadlinesCanBeChangedAndTurnedOff() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.idleDeadline = .seconds(600)
                let (client, server) = try await connectedPair(on: loop, client: configuration, server: configuration)
                let reasons = (client: Eventually<String>(), server: Eventually<String>())
                try await loop.run {
                    client.start(receiver: ClosureReceiver()) { reasons.client.fulfill($0.kind) }
                    server.start(receiver: ClosureReceiver()) { reasons.server.fulfill($0.kind) }
                    server.setDeadlines(idle: nil, progress: nil)
                    client.setDeadlines(idle: .milliseconds(40), progress: nil)
                }
                #expect(await reasons.client.value == "idleDeadline")
                #expect(await reasons.server.value == "reset")
            }
        }

        @Test func ownPauseDoesNotCountAsIdle() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.idleDeadline = .milliseconds(40)
                let (client, server) = try await connectedPair(on: loop, server: configuration)
                let reason = Eventually<String>()
                let wasOpen = Eventually<Bool>()
                try await loop.run {
                    client.start(receiver: ClosureReceiver()) { _ in }
                    server.start(receiver: ClosureReceiver()) { reason.fulfill($0.kind) }
                    server.pauseReading()
                    loop.schedule(after: .milliseconds(200)) {
                        wasOpen.fulfill(server.isOpen)
                        server.resumeReading()
                    }
                }
                #expect(await wasOpen.value)
                #expect(await reason.value == "idleDeadline")
            }
        }
    }
}
