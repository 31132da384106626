// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Adaptation

@Suite struct SampleBatchTests {
    private func batch(_ count: Int = 3, statistics: Int = 4, size: Int = 64) -> SampleBatch {
        var generator = SeededGenerator(seed: Seed(3))
        return SampleBatch(
            environment: 7,
            parent: 2,
            statistics: (0..<statistics).map { _ in Float(generator.below(64)) / 16 },
            samples: (0..<count).map { number in
                SampleBatch.Sample(
                    number: UInt32(number * 11),
                    uncertainty: Float(number) / Float(max(count - 1, 1)),
                    image: (0..<size).map { _ in Float(generator.below(256)) / 255 }
                )
            }
        )
    }

    private let shape: SampleShape

    init() throws { shape = try SampleShape([8, 8]) }

    @Test func aBatchOfBytesComesBackAsItWas() throws {
        let sent = batch()
        let (bytes, ranges) = sent.encoded(.bytes, shape)
        #expect(bytes.count == 16 + 2 * 4 + 3 * (6 + 64))
        #expect(ranges.map(\.count) == [70, 70, 70] && ranges.last?.upperBound == bytes.count)
        let got = try SampleBatch(decoding: bytes, coding: .bytes, shape: shape, statisticsCount: 4)
        #expect(got.environment == 7 && got.parent == 2 && got.statistics == sent.statistics)
        for (left, right) in zip(got.samples, sent.samples) {
            #expect(left.number == right.number && abs(left.uncertainty - right.uncertainty) < 1e-4)
            #expect(zip(left.image, right.image).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        var orphan = sent
        orphan.parent = nil
        let alone = try SampleBatch(
            decoding: orphan.encoded(.bytes, shape).bytes,
            coding: .bytes,
            shape: shape,
            statisticsCount: 4
        )
        #expect(alone.parent == nil)
    }

    @Test func theHeaderHasItsDocumentedBytes() throws {
        let small = SampleBatch(
            environment: 1,
            parent: nil,
            statistics: [1],
            samples: [.init(number: 258, uncertainty: 1, image: [0, 1])]
        )
        let shape = try SampleShape([1, 2])
        let bytes = small.encoded(.bytes, shape).bytes
        #expect(
            bytes == [
                0x54, 0x53, 0x42, 1, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 1, 0, 0x80, 0x3F, 2, 1, 0, 0, 0xFF, 0xFF,
                0,
                255,
            ]
        )
    }

    @Test func noBytesMakeTheReaderFail() throws {
        let bytes = batch().encoded(.nibbles, shape).bytes
        var generator = SeededGenerator(seed: Seed(9))
        for length in 0..<bytes.count {
            #expect(throws: AdaptationError.self) {
                try SampleBatch(
                    decoding: Array(bytes[..<length]),
                    coding: .nibbles,
                    shape: shape,
                    statisticsCount: 4
                )
            }
        }
        for _ in 0..<2_000 {
            var changed = bytes
            for _ in 0...generator.below(3) {
                changed[generator.below(changed.count)] = UInt8(truncatingIfNeeded: generator.next())
            }
            if let read = try? SampleBatch(decoding: changed, coding: .nibbles, shape: shape, statisticsCount: 4) {
                #expect(read.samples.allSatisfy { $0.image.allSatisfy(\.isFinite) && $0.image.count == 64 })
                #expect(read.statistics.allSatisfy { $0.isFinite })
            }
        }
        #expect(throws: AdaptationError.self) {
            try SampleBatch(decoding: bytes, coding: .bytes, shape: shape, statisticsCount: 4)
        }
        #expect(throws: AdaptationError.self) {
            try SampleBatch(decoding: bytes, coding: .nibbles, shape: shape, statisticsCount: 5)
        }
    }

    @Test func everyCodingKeepsWhatItPromises() throws {
        let smooth: [Float] = (0..<64).map { Float($0 / 8 + $0 % 8) / 14 }
        let bounds: [(text: String, bound: Float)] = [
            ("uint8", 0.003), ("uint4", 0.04), ("dct:8", 0.03), ("dct:3", 0.12),
        ]
        for (text, bound) in bounds {
            let coding = try SampleCoding(parsing: text)
            #expect("\(coding)" == text && SampleCoding(code: coding.code) == coding)
            let bytes = coding.encode(smooth[...], shape)
            #expect(bytes.count == coding.byteCount(shape))
            let back = try #require(coding.decode(bytes[...], shape))
            let errors: [Float] = zip(back, smooth).map { abs($0 - $1) }
            let worst = errors.max() ?? 1
            #expect(worst < bound, "\(text): \(worst)")
        }
        for text in ["", "uint9", "dct:", "dct:0", "dct:65", "dct:x"] {
            #expect(throws: AdaptationError.self, "\(text)") { try SampleCoding(parsing: text) }
        }
    }

    @Test func pixelsThatAreNoNumbersBecomeSome() throws {
        var wild = [Float](repeating: 0.5, count: 64)
        wild.replaceSubrange(0..<5, with: [Float.nan, Float.infinity, -Float.infinity, -3, 9])
        for text in ["uint8", "uint4", "dct:8"] {
            let coding = try SampleCoding(parsing: text)
            let bytes = coding.encode(wild[...], shape)
            let back = try #require(coding.decode(bytes[...], shape))
            #expect(back.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= 1 }, "\(text)")
        }
    }

    /// Parseval: the transform keeps the sum of squares; and the inverse undoes it.
    @Test func theCosineTransformIsOrthonormal() {
        var generator = SeededGenerator(seed: Seed(2))
        let image = (0..<64).map { _ in generator.uniformFloat() }
        let transform = CosineTransform(shape, 8)
        let values = transform.forward(image)
        let (before, after) = (image.reduce(0) { $0 + $1 * $1 }, values.reduce(0) { $0 + $1 * $1 })
        #expect(abs(before - after) < 1e-3 * before)
        #expect(zip(transform.inverse(values), image).allSatisfy { abs($0 - $1) < 1e-5 })
        // By hand: the first value is the sum over the square root of the number of pixels.
        #expect(abs(values[0] - image.reduce(0, +) / 8) < 1e-4)
    }
}
