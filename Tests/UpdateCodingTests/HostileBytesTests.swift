// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing
import UpdateCoding

/// Decoders are total: any bytes give finite or infinite values, or a typed error, and never a crash.
@Suite struct HostileBytesTests {
    private let layout: TensorLayout

    init() throws { layout = try TestVectors.network() }

    /// Decodes; returns whether the bytes were taken. Errors of another type fail the test.
    private func decodes(_ codec: any UpdateCodec, _ bytes: [UInt8]) throws -> Bool {
        do {
            _ = try codec.decodeAll(bytes, layout: layout, seed: Seed(5))
            return true
        } catch {
            #expect([.truncated, .trailingBytes, .malformed].contains(error.code), "\(error)")
            return false
        }
    }

    @Test(arguments: TestVectors.specifications)
    func truncatedBytesAreRefused(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let bytes = try codec.encodeAll(TestVectors.layered(layout), layout: layout, seed: Seed(5))
        var generator = SeededGenerator(seed: Seed(1))
        for _ in 0..<25 { #expect(try !decodes(codec, Array(bytes.prefix(generator.below(bytes.count))))) }
        #expect(try !decodes(codec, bytes + [0]))
        #expect(try !decodes(codec, bytes + bytes))
        #expect(try decodes(codec, bytes))
    }

    @Test(arguments: TestVectors.specifications)
    func randomBytesNeverCrash(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let longest = codec.maximumEncodedByteCount(layout: layout)
        var generator = SeededGenerator(seed: Seed(2))
        for attempt in 0..<30 {
            let count = attempt % 3 == 0 ? longest : generator.below(min(longest, 4000) + 1)
            _ = try decodes(codec, (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        }
    }

    @Test(arguments: TestVectors.specifications)
    func alteredBytesNeverCrash(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let bytes = try codec.encodeAll(TestVectors.layered(layout), layout: layout, seed: Seed(5))
        var generator = SeededGenerator(seed: Seed(3))
        for attempt in 0..<120 {
            var altered = bytes
            for _ in 0...generator.below(4) {
                // Mostly near the beginning, where the structure is.
                let limit = attempt % 2 == 0 ? min(64, altered.count) : altered.count
                let place = generator.below(limit)
                switch generator.below(4) {
                case 0: altered[place] = 0xFF
                case 1: altered[place] ^= 1 << UInt8(generator.below(8))
                case 2: altered[place] = UInt8(truncatingIfNeeded: generator.next())
                default: altered.remove(at: place)
                }
                if altered.isEmpty { break }
            }
            _ = try decodes(codec, altered)
        }
    }

    @Test func hugeClaimsAreRefusedBeforeAnythingIsAllocated() throws {
        // An ecdq chunk that claims more than a chunk can have; a top-k that claims more entries than coordinates.
        let chunk: [UInt8] = [0, 0, 0, 0x80, 0x3F, 1, 0xA0, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        #expect(try !decodes(try CodecRegistry.codec("ecdq:bits=2"), chunk))
        let entries: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 6, 0, 0]
        #expect(try !decodes(try CodecRegistry.codec("topk:fraction=0.01"), entries))
        #expect(try !decodes(try CodecRegistry.codec("stc:fraction=0.01"), entries))
    }

    @Test func infiniteAndNegativeScalesAreRefused() throws {
        let codec = try CodecRegistry.codec("int8")
        var bytes = try codec.encodeAll(TestVectors.layered(layout), layout: layout, seed: Seed(5))
        bytes[1] = 0x7F
        bytes[0] = 0x80
        #expect(try !decodes(codec, bytes))
        bytes[1] = 0xBF
        #expect(try !decodes(codec, bytes))
        let eden = try CodecRegistry.codec("eden:bits=2")
        var rotated = try eden.encodeAll(TestVectors.layered(layout), layout: layout, seed: Seed(5))
        rotated.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
        #expect(try !decodes(eden, rotated))
    }
}
