// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing
import UpdateCoding

@Suite struct RoundTripTests {
    @Test(arguments: TestVectors.specifications)
    func accumulatingEqualsDecodingWhateverTheBlocks(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let layout = try TestVectors.network()
        let vector = TestVectors.layered(layout)
        let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(5))
        let whole = try codec.decodeAll(bytes, layout: layout, seed: Seed(5))
        var generator = SeededGenerator(seed: Seed(9))
        var sums = (0..<layout.elementCount).map { Double($0) }
        let expected = sums.indices.map { sums[$0] + 0.37 * Double(whole[$0]) }
        let fused = try codec.makeDecoder(MemoryByteSource(bytes), layout: layout, seed: Seed(5))
        let plain = try codec.makeDecoder(MemoryByteSource(bytes), layout: layout, seed: Seed(5))
        var start = 0
        while start < layout.elementCount {
            let count = min(
                generator.below(3) == 0 ? generator.below(9) : generator.below(700),
                layout.elementCount - start
            )
            try sums.withUnsafeMutableBufferPointer { buffer in
                try fused.accumulate(
                    weight: 0.37,
                    into: UnsafeMutableBufferPointer(rebasing: buffer[start..<(start + count)])
                )
            }
            var piece = [Float](repeating: .nan, count: count)
            try piece.withUnsafeMutableBufferPointer { try plain.decode(into: $0) }
            #expect(piece == Array(whole.elements[start..<(start + count)]))
            start += count
        }
        try fused.finish()
        try plain.finish()
        #expect(sums == expected)
    }

    @Test(arguments: TestVectors.specifications)
    func lengthsAreAsAnnounced(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        for layout in [
            try TestVectors.network(), try TestVectors.flat(1), try TestVectors.flat(65), try TestVectors.flat(20_000),
        ] {
            for vector in [TestVectors.layered(layout), ParameterVector(zeros: layout.elementCount)] {
                let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(1))
                if let exact = codec.encodedByteCount(layout: layout) { #expect(bytes.count == exact) }
                #expect(bytes.count <= codec.maximumEncodedByteCount(layout: layout))
                #expect(try codec.encodeAll(vector, layout: layout, seed: Seed(1)) == bytes)
            }
        }
    }

    @Test(arguments: TestVectors.specifications)
    func zerosAndNothingSurvive(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let empty = try TensorLayout([])
        #expect(try codec.roundTrip(ParameterVector([]), layout: empty, seed: 1).count == 0)
        let layout = try TestVectors.network()
        let zeros = try codec.roundTrip(ParameterVector(zeros: layout.elementCount), layout: layout, seed: 1)
        let limit: Float = specification.hasPrefix("summable") ? 10 : 0
        #expect(zeros.elements.allSatisfy { abs($0) <= limit })
    }

    @Test(arguments: TestVectors.specifications.filter { $0 != "fp32" })
    func valuesThatAreNotFiniteAreRefused(_ specification: String) throws {
        let codec = try CodecRegistry.codec(specification)
        let layout = try TestVectors.flat(200)
        for bad in [Float.nan, .infinity, -.infinity] {
            var vector = TestVectors.gaussian(200)
            vector[150] = bad
            let error = #expect(throws: UpdateCodingError.self) {
                try codec.encodeAll(vector, layout: layout, seed: Seed(1))
            }
            #expect(error?.code == .notFinite)
        }
    }

    @Test(
        arguments: ["bf16", "int8", "eden:bits=4", "ecdq:bits=4", "topk:fraction=1", "powersgd:rank=2"],
        [Float(1e-20), 1e-9, 1e9, 1e20]
    )
    func scaleOfTheUpdateDoesNotMatter(_ specification: String, _ scale: Float) throws {
        let codec = try CodecRegistry.codec(specification)
        let layout = try TestVectors.flat(3000)
        var vector = TestVectors.gaussian(3000)
        let reference = vector.relativeError(of: try codec.roundTrip(vector, layout: layout, seed: 4))
        vector.scale(by: scale)
        let decoded = try codec.roundTrip(vector, layout: layout, seed: 4)
        #expect(
            vector.elements.indices.reduce(0.0) { sum, index in
                let difference = (Double(decoded[index]) - Double(vector[index])) / Double(scale)
                return sum + difference * difference
            } / 3000 <= 1.2 * reference + 1e-9
        )
    }
}
