// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct TCPConnectionTransferTests {
        @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
        func echoReturnsWhatWasSent(address: String) async throws {
            try await withLoop { loop in
                let listener = try await listen(on: loop, at: address) { connection in
                    connection.start(receiver: ClosureReceiver { connection.write(borrowing: $0) }) { _ in }
                }
                let client = try await connect(to: listener.localEndpoint, on: loop)
                let heard = Shared("")
                let done = Eventually<Void>()
                try await loop.run {
                    let receiver = ClosureReceiver { bytes in
                        let text = heard.update { text in
                            text += String(decoding: bytes, as: UTF8.self)
                            return text
                        }
                        if text == "hello world" { done.fulfill(()) }
                        if text == "hello " { client.send("world") }
                    }
                    client.start(receiver: receiver) { _ in }
                    client.send("hello ")
                }
                await done.value
                let (read, written) = try await loop.run { (client.bytesRead, client.bytesWritten) }
                #expect(read == 11)
                #expect(written == 11)
            }
        }

        @Test(arguments: [0, 1 << 20])
        func largeTransfersCrossUnchanged(ownBufferBytes: Int) async throws {
            let total = 48 << 20
            let clientLoop = EventLoop(name: "client")
            let serverLoop = EventLoop(name: "server")
            try clientLoop.start()
            try serverLoop.start()
            let received = [Eventually<Void>(), Eventually<Void>()]
            let listener = try await listen(on: serverLoop) { connection in
                transfer(total, over: connection, ownBufferBytes, received[0])
            }
            let client = try await connect(to: listener.localEndpoint, on: clientLoop)
            clientLoop.execute { transfer(total, over: client, ownBufferBytes, received[1]) }
            await received[0].value
            await received[1].value
            let (read, written) = try await clientLoop.run { (client.bytesRead, client.bytesWritten) }
            #expect(read == UInt64(total))
            #expect(written == UInt64(total))
            clientLoop.shutdown()
            serverLoop.shutdown()
        }

        @Test func piecesOfAnyOwnershipKeepTheirOrder() async throws {
            try await withLoop { loop in
                let total = 6 << 20
                let (client, server) = try await connectedPair(on: loop)
                let done = Eventually<Void>()
                try await loop.run {
                    // All written before anything is read: most of it has to be queued, in part copied.
                    var offset = 0
                    var random = SplitMix(state: 7)
                    while offset < total {
                        var parts: [OutboundBytes] = []
                        for _ in 0..<random.next(5) {
                            let bytes = Pattern.shared.bytes(
                                at: offset,
                                count: min(random.next(60_000), total - offset)
                            )
                            offset += bytes.count
                            let isOwned = random.next(2) == 0
                            parts.append(
                                isOwned ? OutboundBytes(bytes, owner: Pattern.shared) : OutboundBytes(borrowing: bytes)
                            )
                        }
                        client.write(parts)
                    }
                    #expect(client.queuedBytes > 0)
                    server.start(receiver: PatternReceiver(expected: total) { done.fulfill(()) }) { reason in
                        guard !done.isFulfilled else { return }
                        Issue.record("ended early: \(reason)")
                        done.fulfill(())
                    }
                }
                await done.value
            }
        }

        @Test func borrowedBytesMayChangeAfterTheCall() async throws {
            try await withLoop { loop in
                let total = 8 << 20
                let (client, server) = try await connectedPair(on: loop)
                let done = Eventually<Void>()
                try await loop.run {
                    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 8)
                    for offset in stride(from: 0, to: total, by: scratch.count) {
                        scratch.copyMemory(from: Pattern.shared.bytes(at: offset, count: scratch.count))
                        client.write(borrowing: UnsafeRawBufferPointer(scratch))
                    }
                    scratch.initializeMemory(as: UInt8.self, repeating: 0xFF)
                    scratch.deallocate()
                    server.start(receiver: PatternReceiver(expected: total) { done.fulfill(()) }) { reason in
                        guard !done.isFulfilled else { return }
                        Issue.record("ended early: \(reason)")
                        done.fulfill(())
                    }
                }
                await done.value
            }
        }

        @Test func ownerIsKeptUntilItsBytesAreSent() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let gone = Eventually<Void>()
                let wasGoneEarly = try await loop.run {
                    do {
                        let owner = Memory(byteCount: 32 << 20) { gone.fulfill(()) }
                        client.write([OutboundBytes(UnsafeRawBufferPointer(owner.bytes), owner: owner)])
                    }
                    return gone.isFulfilled
                }
                #expect(!wasGoneEarly)
                try await loop.run { server.start(receiver: ClosureReceiver()) { _ in } }
                await gone.value
            }
        }

        @Test func hundredsOfConnectionsAreServed() async throws {
            try await withLoop { loop in
                let count = 300
                let listener = try await listen(on: loop) { connection in
                    connection.start(receiver: ClosureReceiver { connection.write(borrowing: $0) }) { _ in }
                }
                let closed = Shared(0)
                let done = Eventually<Void>()
                var clients: [TCPConnection] = []
                for _ in 0..<count { clients.append(try await connect(to: listener.localEndpoint, on: loop)) }
                let opened = clients
                try await loop.run {
                    for client in opened {
                        let receiver = ClosureReceiver { bytes in
                            if bytes.count == 4 { client.close(within: .seconds(30)) }
                        }
                        client.start(receiver: receiver) { _ in
                            let reached = closed.update { value in
                                value += 1
                                return value
                            }
                            if reached == count { done.fulfill(()) }
                        }
                        client.send("ping")
                    }
                }
                await done.value
            }
        }
    }
}

/// Sends and receives `total` bytes at once.
private func transfer(_ total: Int, over connection: TCPConnection, _ ownBufferBytes: Int, _ done: Eventually<Void>) {
    let sender = PatternSender(connection, total: total)
    connection.start(
        receiver: PatternReceiver(expected: total, ownBufferBytes: ownBufferBytes) { done.fulfill(()) },
        onWritable: { sender.pump() },
        onClose: { reason in
            guard !done.isFulfilled else { return }
            Issue.record("ended early: \(reason)")
            done.fulfill(())
        }
    )
    sender.pump()
}

/// Memory that tells when it is let go.
private final class Memory {
    let bytes: UnsafeMutableRawBufferPointer
    private let gone: () -> Void

    init(byteCount: Int, gone: @escaping () -> Void) {
        bytes = .allocate(byteCount: byteCount, alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 1)
        self.gone = gone
    }

    deinit {
        bytes.deallocate()
        gone()
    }
}

/// A small seeded generator.
private struct SplitMix {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
