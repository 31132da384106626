// SPDX-License-Identifier: Apache-2.0

import LosslessCoding
import ModelState
import Randomness
import Testing
import UpdateCoding

@Suite struct BytePlaneCodecTests {
    private func vector(_ count: Int) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(3))
        return ParameterVector((0..<count).map { _ in Float(generator.normal()) * 0.01 })
    }

    @Test(arguments: [0, 1, 65_536, 70_001])
    func everyBitSurvives(_ count: Int) throws {
        let layout = try TensorLayout([.init(name: "w", shape: [count])])
        var vector = vector(count)
        if count > 9 {
            vector[3] = -0.0
            vector[4] = .infinity
            vector[5] = Float(bitPattern: 0x7FC1_2345)
            vector[6] = .leastNonzeroMagnitude
        }
        let codec = BytePlaneCodec()
        let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(0))
        #expect(bytes.count <= codec.maximumEncodedByteCount(layout: layout))
        #expect(try codec.decodeAll(bytes, layout: layout, seed: Seed(0)) == vector)
        if count > 1000 { #expect(bytes.count < count * 4 * 9 / 10) }
    }

    @Test func registryKnowsTheFamilyOnceAdded() throws {
        #expect(throws: UpdateCodingError.self) { try CodecRegistry.codec("lossless") }
        for text in ["lossless", "lossless:level=9"] {
            #expect(try CodecRegistry.codec(text, adding: [BytePlaneCodec.family]).specification == text)
        }
    }

    @Test func hostileBytesGiveTypedErrors() throws {
        let layout = try TensorLayout([.init(name: "w", shape: [3000])])
        let codec = BytePlaneCodec()
        let bytes = try codec.encodeAll(vector(3000), layout: layout, seed: Seed(0))
        var generator = SeededGenerator(seed: Seed(8))
        for attempt in 0..<300 {
            var altered = bytes
            if attempt % 3 == 0 { altered.removeLast(1 + generator.below(altered.count - 1)) }
            for _ in 0..<3 { altered[generator.below(altered.count)] = UInt8(truncatingIfNeeded: generator.next()) }
            do {
                _ = try codec.decodeAll(altered, layout: layout, seed: Seed(0))
            } catch {
                #expect([.malformed, .truncated, .trailingBytes].contains(error.code))
            }
        }
        #expect(throws: UpdateCodingError.self) { try codec.decodeAll(bytes + [1], layout: layout, seed: Seed(0)) }
        #expect(throws: UpdateCodingError.self) { try codec.decodeAll([], layout: layout, seed: Seed(0)) }
    }
}
