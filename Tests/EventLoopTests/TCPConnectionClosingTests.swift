// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

/// Closes its connection while libuv asks for memory.
private final class AbruptReceiver: StreamReceiver {
    weak var connection: TCPConnection?
    func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        connection?.abort()
        return slab
    }
    func received(_ bytes: UnsafeRawBufferPointer) {}
}

extension EventLoopSuites {
    @Suite struct TCPConnectionClosingTests {
        @Test func gracefulCloseDeliversEverythingQueued() async throws {
            try await withLoop { loop in
                let total = 16 << 20
                let (client, server) = try await connectedPair(on: loop)
                let reasons = (client: Eventually<String>(), server: Eventually<String>())
                let count = Shared(0)
                try await loop.run {
                    client.start(receiver: ClosureReceiver()) { reasons.client.fulfill($0.kind) }
                    for offset in stride(from: 0, to: total, by: 1 << 20) {
                        let bytes = Pattern.shared.bytes(at: offset, count: 1 << 20)
                        client.write([OutboundBytes(bytes, owner: Pattern.shared)])
                    }
                    client.close(within: .seconds(60))
                    #expect(client.queuedBytes > 0)
                    #expect(!client.isOpen)
                    let receiver = PatternReceiver(expected: total) { count.update { $0 = total } }
                    server.start(receiver: receiver) { reasons.server.fulfill($0.kind) }
                }
                #expect(await reasons.server.value == "peerClosed")
                #expect(await reasons.client.value == "local")
                #expect(count.value == total)
                #expect(try await loop.run { client.bytesWritten } == UInt64(total))
            }
        }

        @Test func gracefulCloseSurvivesAPeerThatKeepsSending() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reasons = (client: Eventually<String>(), server: Eventually<String>())
                let goodbye = Shared("")
                try await loop.run {
                    let sender = PatternSender(server, total: 16 << 20)
                    let receiver = ClosureReceiver { bytes in
                        goodbye.update { $0 += String(decoding: bytes, as: UTF8.self) }
                    }
                    server.start(receiver: receiver, onWritable: { sender.pump() }) { reasons.server.fulfill($0.kind) }
                    sender.pump()
                    client.start(receiver: ClosureReceiver()) { reasons.client.fulfill($0.kind) }
                    client.send("goodbye")
                    client.close(within: .seconds(60))
                }
                // Without reading on, the kernel would reset the connection and the last words could be lost.
                #expect(await reasons.server.value == "peerClosed")
                #expect(await reasons.client.value == "local")
                #expect(goodbye.value == "goodbye")
            }
        }

        @Test func gracefulCloseEndsAtItsDeadline() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reason = Eventually<String>()
                try await loop.run {
                    server.pauseReading()
                    client.start(receiver: ClosureReceiver()) { reason.fulfill($0.kind) }
                    let bytes = Pattern.shared.bytes(at: 0, count: 1 << 20)
                    for _ in 0..<40 { client.write([OutboundBytes(bytes, owner: Pattern.shared)]) }
                    client.close(within: .milliseconds(50))
                }
                #expect(await reason.value == "flushDeadline")
                try await loop.run { server.abort() }
            }
        }

        @Test func abortDropsWhatIsQueuedAndResetsThePeer() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reasons = (client: Eventually<String>(), server: Eventually<String>())
                let isReentrant = try await loop.run {
                    server.start(receiver: ClosureReceiver()) { reasons.server.fulfill($0.kind) }
                    client.start(receiver: ClosureReceiver(), onWritable: { Issue.record("writable after the end") }) {
                        reasons.client.fulfill($0.kind)
                    }
                    let bytes = Pattern.shared.bytes(at: 0, count: 1 << 20)
                    for _ in 0..<40 { client.write([OutboundBytes(bytes, owner: Pattern.shared)]) }
                    #expect(client.queuedBytes > 0)
                    client.abort()
                    client.abort()
                    client.close(within: .seconds(1))
                    return reasons.client.isFulfilled
                }
                #expect(!isReentrant)
                #expect(await reasons.client.value == "local")
                let serverReason = await reasons.server.value
                #expect(serverReason == "reset")
                let (written, queued) = try await loop.run { (client.bytesWritten, client.queuedBytes) }
                #expect(written > 0 && written < 40 << 20)
                #expect(queued == 0)
            }
        }

        @Test func receiverErrorClosesWithThatError() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reason = Eventually<CloseReason>()
                let calls = Shared(0)
                try await loop.run {
                    let receiver = ClosureReceiver { _ in
                        calls.update { $0 += 1 }
                        throw Refusal()
                    }
                    server.start(receiver: receiver) { reason.fulfill($0) }
                    client.start(receiver: ClosureReceiver()) { _ in }
                    let bytes = Pattern.shared.bytes(at: 0, count: 1 << 20)
                    for _ in 0..<4 { client.write([OutboundBytes(bytes, owner: Pattern.shared)]) }
                }
                guard case .receiver(let error) = await reason.value else {
                    Issue.record("another reason")
                    return
                }
                #expect(error is Refusal)
                #expect(calls.value == 1)
            }
        }

        @Test func closingWhileABufferIsChosenIsSafe() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reason = Eventually<String>()
                try await loop.run {
                    let receiver = AbruptReceiver()
                    receiver.connection = server
                    server.start(receiver: receiver) { reason.fulfill($0.kind) }
                    client.start(receiver: ClosureReceiver()) { _ in }
                    client.send("x")
                }
                #expect(await reason.value == "local")
            }
        }

        @Test func closeBeforeTheStartIsReportedAtTheStart() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let reasons = (client: Eventually<String>(), server: Eventually<String>())
                try await loop.run {
                    client.abort()
                    server.close(within: .seconds(30))
                }
                try await loop.run {}
                try await loop.run {
                    client.start(receiver: ClosureReceiver()) { reasons.client.fulfill($0.kind) }
                    server.start(receiver: ClosureReceiver()) { reasons.server.fulfill($0.kind) }
                }
                #expect(await reasons.client.value == "local")
                // The peer's reset may come before or after the end of the own direction.
                #expect(["reset", "local"].contains(await reasons.server.value))
            }
        }

        @Test func closedConnectionIsLetGo() async throws {
            try await withLoop { loop in
                weak var released: TCPConnection?
                do {
                    let (client, server) = try await connectedPair(on: loop)
                    let ended = Eventually<Void>()
                    try await loop.run {
                        client.start(
                            receiver: ClosureReceiver { _ in _ = client.bytesRead },
                            onWritable: { client.abort() }
                        ) { _ in
                            _ = client.bytesRead
                            ended.fulfill(())
                        }
                        server.start(receiver: ClosureReceiver()) { _ in }
                        server.close(within: .seconds(30))
                    }
                    await ended.value
                    released = client
                }
                // The loop lets go of it right after the callback.
                try await loop.run {}
                #expect(released == nil)
            }
        }
    }
}
