// SPDX-License-Identifier: Apache-2.0
import Randomness
import Rounds
import Testing

@testable import Wire

/// Whatever the bytes are, a decoder gives a message or a typed error.
@Suite struct MessageDecoderHostileTests {
    private let encoder = MessageEncoder()
    private let decoder = MessageDecoder()

    /// Decodes bytes in both directions; what is a message must be one that can be sent on.
    private func decode(_ bytes: ArraySlice<UInt8>) -> Int {
        let body = ByteSlice(copying: Array(bytes))
        var messages = 0
        if let message = try? decoder.agentMessage(body) {
            messages += 1
            #expect(throws: Never.self) { try encoder.encode(message) }
        }
        if let message = try? decoder.coordinatorMessage(body) {
            messages += 1
            #expect(throws: Never.self) { try encoder.encode(message) }
        }
        return messages
    }

    @Test func truncatedMessagesAreRefusedOrMeanAMessage() throws {
        let vectors = try VectorFile.load()
        for vector in vectors.messages + vectors.equivalents + vectors.refused {
            let body = vector.bytes.dropFirst(4)
            for count in 0..<body.count { _ = decode(body.prefix(count)) }
        }
        // The whole is one length-delimited field, so no proper prefix of a message is one.
        for vector in vectors.messages {
            let body = vector.bytes.dropFirst(4)
            for count in 1..<body.count { #expect(decode(body.prefix(count)) == 0, "\(vector.name) at \(count)") }
        }
    }

    @Test func changedBytesNeverCrash() throws {
        let vectors = try VectorFile.load().messages.filter { $0.hex.count > 20 }
        var random = SeededGenerator(seed: Seed(21))
        var survivors = 0
        for _ in 0..<30_000 {
            var bytes = vectors[random.below(vectors.count)].bytes
            for _ in 0...random.below(4) {
                bytes[4 + random.below(bytes.count - 4)] = UInt8(truncatingIfNeeded: random.next())
            }
            survivors += decode(bytes.dropFirst(4))
        }
        #expect(survivors > 1_000, "the changes are small enough to reach the checks of the fields")
    }

    @Test func randomBytesNeverCrash() {
        var random = SeededGenerator(seed: Seed(22))
        for round in 0..<100_000 {
            var bytes = (0..<random.below(64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            // Half of them begin like one of the messages.
            if round.isMultiple(of: 2), bytes.count > 3 {
                let field = [1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 40, 41, 42, 43, 44, 45, 46, 47][random.below(18)]
                let tag = field << 3 | 2
                bytes.replaceSubrange(0..<3, with: [UInt8(tag & 0x7F | 0x80), UInt8(tag >> 7), UInt8(bytes.count - 3)])
            }
            _ = decode(bytes[...])
        }
    }

    @Test func manyEmptyEntriesDoNotExhaustTheMemory() {
        // EvaluateTask.layout with 100,000 empty tensors: 200 kB that would unpack to 12 MB.
        let tensors = [UInt8](repeating: 0, count: 200_000).enumerated().map {
            $0.offset.isMultiple(of: 2) ? 0x0A : $0.element
        }
        let body = field(42, field(4, tensors))
        #expect(refusal(ofCoordinator: body) == .limitExceeded)
    }

    @Test func manyUnknownFieldsDoNotExhaustTheMemory() {
        // 200 kB that would unpack to 8 MB: the shortest fields that neither a goodbye nor a frame knows.
        let inMessage = Array(repeatElement([0x78, 0x01] as [UInt8], count: 100_000).joined())
        #expect(refusal(ofCoordinator: field(2, inMessage)) == .limitExceeded)
        let inFrame = Array(repeatElement([0x20, 0x01] as [UInt8], count: 100_000).joined())
        #expect(refusal(ofCoordinator: inFrame) == .limitExceeded)
    }

    @Test func repeatedSubmessagesDoNotExhaustTheMemory() {
        // Every repetition of `layout` is merged with those before it, which copies their list each time.
        let layout = field(4, Array(repeatElement(field(1, field(1, [0x74])), count: 50).joined()))
        let body = field(42, Array(repeatElement(layout, count: 2_000).joined()))
        #expect(refusal(ofCoordinator: body) == .limitExceeded)
    }

    @Test func messagesPastTheLongestFrameAreNotUnpacked() {
        #expect(refusal(ofCoordinator: [UInt8](repeating: 0, count: Limits.controlBytes + 1)) == .limitExceeded)
    }

    @Test func chunksPastTheirLimitAreRefused() {
        let data = [UInt8](repeating: 1, count: Limits.chunkBytes + 1)
        #expect(refusal(ofCoordinator: field(3, field(3, data))) == .limitExceeded)
        #expect(refusal(ofCoordinator: field(3, field(3, data) + [0x08, 1])) == .limitExceeded)
    }

    @Test func emptyBytesAreNoMessage() throws {
        #expect(isSame(try decoder.agentMessage(ByteSlice(copying: [])), nil))
    }

    private func refusal(ofCoordinator body: [UInt8]) -> WireError.Code? {
        do throws(WireError) {
            _ = try decoder.coordinatorMessage(ByteSlice(copying: body))
            return nil
        } catch {
            return error.code
        }
    }

    /// A length-delimited field.
    private func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(content.count) + content
    }

    private func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
    }
}
