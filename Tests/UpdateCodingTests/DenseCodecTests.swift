// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing
import UpdateCoding

@Suite struct DenseCodecTests {
    @Test func brainFloatRoundsToNearestEven() throws {
        let layout = try TestVectors.flat(4)
        let vector = ParameterVector([1 + 0x1p-8, 1 + 3 * 0x1p-8, -1.0 - 0x1p-9, 0x1.fep127])
        let decoded = try BrainFloatCodec().roundTrip(vector, layout: layout, seed: 0)
        #expect(decoded.elements == [1, 1 + 4 * 0x1p-8, -1, 0x1.fep127])
    }

    @Test(arguments: [(BlockIntegerCodec.Width.eight, Float(127)), (.four, 7)])
    func errorOfABlockIsAtMostHalfItsScale(_ pair: (BlockIntegerCodec.Width, Float)) throws {
        let count = 64 * 40 + 37
        let vector = TestVectors.heavyTailed(count)
        let codec = BlockIntegerCodec(width: pair.0)
        let decoded = try codec.roundTrip(vector, layout: try TestVectors.flat(count), seed: 0)
        for start in stride(from: 0, to: count, by: 64) {
            let block = start..<min(start + 64, count)
            let largest = block.map { abs(vector[$0]) }.max() ?? 0
            // bfloat16 keeps 8 bits: a scale is rounded up by less than 2^-7 of itself.
            let half = largest / pair.1 * (1 + 0x1p-7) / 2
            for index in block { #expect(abs(decoded[index] - vector[index]) <= half * (1 + 1e-5)) }
        }
    }

    @Test func publishedErrorsOnANormalVectorAreMet() throws {
        let vector = TestVectors.gaussian(1 << 15)
        let layout = try TestVectors.flat(1 << 15)
        let expected = ["bf16": 2.8e-6, "int8": 3.6e-5, "int4": 0.0117]
        for (specification, value) in expected {
            let error = vector.relativeError(
                of: try CodecRegistry.codec(specification).roundTrip(vector, layout: layout, seed: 0)
            )
            #expect(abs(error / value - 1) < 0.06, "\(specification): \(error)")
        }
    }

    @Test func valuesPastTheScaleAreRefused() throws {
        let vector = ParameterVector([3e38, 1])
        let error = #expect(throws: UpdateCodingError.self) {
            try BlockIntegerCodec(width: .four).encodeAll(vector, layout: try TestVectors.flat(2), seed: Seed(0))
        }
        #expect(error?.code == .notFinite)
    }
}
