// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct TCPConnectionBackpressureTests {
        @Test func pausedReaderStopsTheSenderAndResumesIt() async throws {
            try await withLoop { loop in
                let total = 48 << 20
                var configuration = TCPConfiguration()
                configuration.sendBufferBytes = 256 << 10
                configuration.receiveBufferBytes = 256 << 10
                let (client, server) = try await connectedPair(on: loop, client: configuration, server: configuration)
                let (lowWatermark, highWatermark) = (configuration.lowWatermarkBytes, configuration.highWatermarkBytes)
                let done = Eventually<Void>()
                let sender = PatternSender(client, total: total)
                try await loop.run {
                    let receiver = PatternReceiver(expected: total) { done.fulfill(()) }
                    server.start(receiver: receiver) { _ in }
                    server.pauseReading()
                    client.start(receiver: ClosureReceiver(), onWritable: { sender.pump() }) { _ in }
                    sender.pump()
                }
                var last = -1
                while true {
                    let offset = try await loop.run { sender.offset }
                    if offset == last { break }
                    last = offset
                    try await Task.sleep(for: .milliseconds(150))
                }
                let chunk = (256 << 10) + 13
                try await loop.run {
                    #expect(sender.offset < total / 4)
                    #expect(!client.isWritable)
                    #expect(client.queuedBytes > lowWatermark)
                    #expect(client.queuedBytes < highWatermark + chunk)
                    #expect(server.bytesRead == 0)
                    server.resumeReading()
                }
                await done.value
                let mostQueued = try await loop.run { sender.mostQueued }
                #expect(mostQueued < highWatermark + chunk)
            }
        }

        @Test func receiverMayPauseWhileItReceives() async throws {
            try await withLoop { loop in
                let total = 4 << 20
                let (client, server) = try await connectedPair(on: loop)
                let done = Eventually<Int>()
                try await loop.run {
                    var count = 0
                    var isPaused = false
                    let receiver = ClosureReceiver { bytes in
                        #expect(!isPaused, "received while paused")
                        #expect(Pattern.shared.matches(bytes, at: count))
                        count += bytes.count
                        isPaused = true
                        server.pauseReading()
                        loop.schedule(after: .zero) {
                            isPaused = false
                            server.resumeReading()
                        }
                        if count == total { done.fulfill(count) }
                    }
                    server.start(receiver: receiver) { _ in }
                    let sender = PatternSender(client, total: total)
                    client.start(receiver: ClosureReceiver(), onWritable: { sender.pump() }) { _ in }
                    sender.pump()
                }
                #expect(await done.value == total)
            }
        }

        @Test func stuckPeerIsClosedAtTheLimit() async throws {
            try await withLoop { loop in
                var configuration = TCPConfiguration()
                configuration.writeLimitBytes = 4 << 20
                let (client, server) = try await connectedPair(on: loop, client: configuration)
                let limit = configuration.writeLimitBytes
                let reason = Eventually<String>()
                try await loop.run {
                    server.start(receiver: ClosureReceiver()) { _ in }
                    server.pauseReading()
                    client.start(receiver: ClosureReceiver()) { reason.fulfill($0.kind) }
                    var written = 0
                    while client.isOpen {
                        client.write([OutboundBytes(Pattern.shared.bytes(at: 0, count: 1 << 20), owner: Pattern.shared)]
                        )
                        #expect(client.queuedBytes <= limit)
                        written += 1
                        if written > 200 { break }
                    }
                    #expect(!client.isOpen)
                    #expect(!client.isWritable)
                    #expect(!client.write(borrowing: Pattern.shared.bytes(at: 0, count: 1)))
                }
                #expect(await reason.value == "writeLimit")
            }
        }

        @Test func fastPeerDoesNotHoldTheLoop() async throws {
            try await withLoop { loop in
                let total = 1 << 20
                let burst = 64 << 10
                var configuration = TCPConfiguration()
                configuration.burstBytes = burst
                let (client, server) = try await connectedPair(on: loop, client: configuration)
                let done = Eventually<Void>()
                let turns = Shared(0)
                try await loop.run {
                    var offset = 0
                    // The kernel's buffers have room for many bursts, so only the bound can end a turn.
                    let pump = {
                        turns.update { $0 += 1 }
                        let begin = offset
                        while offset < total {
                            let bytes = Pattern.shared.bytes(at: offset, count: 4 << 10)
                            offset += bytes.count
                            if !client.write([OutboundBytes(bytes, owner: Pattern.shared)]) { break }
                        }
                        #expect(offset - begin <= burst)
                        #expect(client.queuedBytes == 0)
                    }
                    server.start(receiver: PatternReceiver(expected: total) { done.fulfill(()) }) { _ in }
                    client.start(receiver: ClosureReceiver(), onWritable: pump) { _ in }
                    pump()
                }
                await done.value
                #expect(turns.value >= total / burst)
            }
        }
    }
}
