// SPDX-License-Identifier: Apache-2.0
import Rounds
import Testing

@testable import Wire

@Suite struct MessageRoundTripTests {
    private let encoder = MessageEncoder()
    private let decoder = MessageDecoder()

    @Test func everyAgentMessageSurvivesItsBytes() throws {
        var random = RandomMessages(seed: 11)
        for _ in 0..<1_500 {
            let message = random.agentMessage()
            let frame = try encoder.encode(message).array
            let decoded = try decoder.agentMessage(ByteSlice(copying: Array(frame.dropFirst(4))))
            #expect(isSame(decoded, message), "\(message)")
            #expect(try encoder.encode(#require(decoded)).array == frame)
        }
    }

    @Test func everyCoordinatorMessageSurvivesItsBytes() throws {
        var random = RandomMessages(seed: 12)
        for _ in 0..<1_500 {
            let message = try random.coordinatorMessage()
            let frame = try encoder.encode(message).array
            let decoded = try decoder.coordinatorMessage(ByteSlice(copying: Array(frame.dropFirst(4))))
            #expect(isSame(decoded, message), "\(message)")
            #expect(try encoder.encode(#require(decoded)).array == frame)
        }
    }

    @Test func theLengthWordCountsTheMessage() throws {
        var random = RandomMessages(seed: 13)
        for _ in 0..<200 {
            let frame = try encoder.encode(random.agentMessage())
            let bytes = frame.array
            #expect(bytes.count == frame.byteCount)
            let length = bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
            #expect(Int(length) == bytes.count - 4)
        }
    }

    @Test func chunksAreNeitherCopiedOnTheWayOutNorIn() throws {
        var random = RandomMessages(seed: 14)
        for count in [1, 100, Limits.chunkBytes] {
            let chunk = random.chunk(bytes: count)
            let frame = try encoder.encode(AgentMessage.chunk(chunk))
            #expect(frame.payload?.bytes.baseAddress == chunk.data.bytes.baseAddress)
            #expect(frame.header.count <= 4 + 6 + 11 + 7 + 5)

            let body = ByteSlice(copying: Array(frame.array.dropFirst(4)))
            guard case .chunk(let decoded)? = try decoder.agentMessage(body) else {
                Issue.record("a chunk of \(count) bytes does not come back as a chunk")
                continue
            }
            let isShared = decoded.data.owner === body.owner
            #expect(isShared)
            #expect(decoded.data.bytes.baseAddress == body.bytes.baseAddress?.advanced(by: body.count - count))
            #expect(decoded.data.array == chunk.data.array)
        }
    }

    @Test func chunksOfBorrowedFramesAreCopied() throws {
        var random = RandomMessages(seed: 15)
        let frame = try encoder.encode(AgentMessage.chunk(random.chunk(bytes: 50))).array
        var decoded: AgentMessage?
        try frame.withUnsafeBytes { bytes in
            let body = ByteSlice(UnsafeRawBufferPointer(rebasing: bytes[4...]), owner: nil)
            decoded = try decoder.agentMessage(body)
            guard case .chunk(let chunk)? = decoded else { return }
            #expect(chunk.data.owner != nil)
        }
        guard case .chunk(let chunk)? = decoded else {
            Issue.record("the chunk does not come back")
            return
        }
        #expect(chunk.data.array == Array(frame.suffix(50)))
    }

    @Test func severalFramesMayShareAnArray() throws {
        var bytes: [UInt8] = []
        #expect(try encoder.append(AgentMessage.heartbeat, to: &bytes)?.count == nil)
        #expect(try encoder.append(AgentMessage.goodbye(Goodbye(.silent, "quiet")), to: &bytes)?.count == nil)
        #expect(try encoder.append(AgentMessage.operatorRequest(.list), to: &bytes)?.count == nil)
        let separate = try [.heartbeat, .goodbye(Goodbye(.silent, "quiet")), AgentMessage.operatorRequest(.list)]
            .flatMap { try encoder.encode($0).array }
        #expect(bytes == separate)
    }

    @Test func numbersThatAreNotFiniteTravelUnchanged() throws {
        for weight in [Double.nan, .infinity, -.infinity] {
            let offer = UpdateOffer(
                key: VectorExamples.key,
                digest: VectorExamples.digest1,
                byteCount: 0,
                codec: "",
                weight: weight
            )
            let body = ByteSlice(copying: Array(try encoder.encode(.offer(offer)).array.dropFirst(4)))
            guard case .offer(let decoded)? = try decoder.agentMessage(body) else {
                Issue.record("the offer does not come back")
                continue
            }
            #expect(decoded.weight.isNaN == weight.isNaN && (weight.isNaN || decoded.weight == weight))
        }
    }

    @Test func durationsAreRoundedDownAndHeldInTheirRange() throws {
        let cases: [(Duration, Duration)] = [
            (.nanoseconds(1_999), .microseconds(1)), (.seconds(-5), .zero), (.nanoseconds(-1), .zero),
            (.seconds(Int64.max), .microseconds(Int64(WireLimits.durationMicroseconds))),
        ]
        for (given, expected) in cases {
            let frame = try encoder.encode(AgentMessage.goodbye(Goodbye(.silent, "", retryAfter: given)))
            let decoded = try decoder.agentMessage(ByteSlice(copying: Array(frame.array.dropFirst(4))))
            #expect(isSame(decoded, .goodbye(Goodbye(.silent, "", retryAfter: expected))), "\(given)")
        }
    }
}
