// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import Glibc
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct EntropyCodingTests {
    /// Philox4x32-10 known answers, from the authors' own test vectors (Random123, kat_vectors).
    @Test func philoxGivesTheKnownAnswers() {
        var words = [UInt32](repeating: 0, count: 32)
        cc_philox(&words, 0, 1, 0, 0)
        #expect([words[0], words[8], words[16], words[24]] == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    }

    @Test func everyModelIsACompleteCode() {
        for scale in stride(from: 0, to: BlockClass.scaleCount, by: 13) {
            for shape in DensityShape.exponents.indices {
                for bucket in SymbolModel(BlockClass(scale: scale, shape: shape)).buckets {
                    #expect(bucket.frequencies.reduce(0, +) + bucket.escapeFrequency == SymbolModel.total)
                    #expect(bucket.frequencies.allSatisfy { $0 >= 1 } && bucket.escapeFrequency >= 1)
                    #expect(
                        bucket.frequencies.count == bucket.high - bucket.low + 1 && bucket.low >= -127
                            && bucket.high <= 127
                    )
                }
            }
        }
    }

    /// Frequencies against the normal distribution function itself, averaged over the bucket.
    @Test func normalModelAgreesWithTheDistributionFunction() {
        let normal = { (x: Double) in erfc(-x / 2.0.squareRoot()) / 2 }
        for (scale, deviation) in [(144, 0.5), (160, 1.0), (176, 2.0)] {
            let model = SymbolModel(BlockClass(scale: scale, shape: DensityShape.exponents.count - 1))
            for (index, bucket) in model.buckets.enumerated() {
                // The most frequent symbol also holds what rounding all others left over.
                let largest = bucket.frequencies.max() ?? 0
                for (place, frequency) in bucket.frequencies.enumerated() where frequency > 1 && frequency < largest {
                    let symbol = Double(bucket.low + place)
                    var probability = 0.0
                    for step in 0..<64 {
                        let dither = (Double(index) + (Double(step) + 0.5) / 64) / 16 - 0.5
                        probability +=
                            normal((symbol + 0.5 - dither) / deviation) - normal((symbol - 0.5 - dither) / deviation)
                    }
                    #expect(abs(Double(frequency) - probability * 64) < 2.5, "\(scale) \(index) \(symbol)")
                }
            }
        }
    }

    @Test func shapesHaveUnitVariance() {
        // A density of little mass beyond 16 standard deviations keeps its variance within 2 %.
        for (index, shape) in DensityShape.all.enumerated() where DensityShape.exponents[index] >= 10 {
            var variance = 0.0
            for cell in 0..<DensityShape.entryCount {
                let t = (Double(cell) + 0.5) / Double(DensityShape.resolution)
                variance += t * t * Double(shape.mass[cell + 1] - shape.mass[cell]) * 0x1p-30
            }
            #expect(abs(variance - 1) < 0.02, "\(DensityShape.exponents[index]): \(variance)")
        }
    }

    @Test func fixedPointPowersAndLogarithmsAreAccurate() {
        for fraction in stride(from: 0, to: 65_536, by: 97) {
            #expect(
                abs(Double(FixedPointMath.exponential(fraction: fraction)) * 0x1p-31 - exp2(Double(fraction) / 65_536))
                    < 2e-8
            )
        }
        for value: UInt64 in [1, 2, 3, 7, 1000, 1 << 31, (1 << 40) + 12_345, .max] {
            #expect(abs(Double(FixedPointMath.logarithm(value)) / 65_536 - log2(Double(value))) < 2e-5)
        }
        #expect(FixedPointMath.float(logarithm: -65_536) == 0.5)
        #expect(FixedPointMath.logarithm(Float(0.25)) == -131_072)
    }

    private func code(_ symbols: [Int8], _ model: CodedClass, bucket: Int) -> (bytes: [UInt8], states: [UInt32]) {
        var states = [UInt32](repeating: DitheredFormat.initialState, count: 8)
        var words = [UInt16](repeating: 0, count: symbols.count + 1)
        let offsets = (0..<(symbols.count / 8)).map { UInt32(8 * $0) }
        let bytes = words.withUnsafeMutableBufferPointer { words -> [UInt8] in
            let end = words.baseAddress! + words.count  // one word at least
            let table = model.encoderTable(bucket: bucket)
            let low = cc_rans_encode(&states, end, symbols, offsets, offsets.count, table)!  // inside words
            return [UInt8](UnsafeRawBufferPointer(start: low, count: (end - low) * 2))
        }
        return (bytes, states)
    }

    @Test(arguments: [100, 144, 160, 190])
    func entropyCoderIsWithinHalfAPercentOfTheEntropy(_ scale: Int) throws {
        let model = CodedClass(BlockClass(scale: scale, shape: 7))
        var generator = SeededGenerator(seed: Seed(4))
        let bucket = model.model.buckets[5]
        var slots = [UInt32](repeating: 0, count: 4096)
        model.fillSlots(&slots, bucket: 5)
        let symbols = (0..<65_536).map { _ in Int8(truncatingIfNeeded: slots[generator.below(4096)]) }
        let (bytes, states) = code(symbols, model, bucket: 5)
        var counts: [Int8: Int] = [:]
        for symbol in symbols { counts[symbol, default: 0] += 1 }
        let entropy = counts.values.reduce(0.0) { $0 - Double($1) * log2(Double($1) / 65_536) }
        // The states carry their logarithm each; the 16 bits that mark their lowest value are the coder's cost.
        // Next to nothing to code, they are all that is left.
        let marks = scale < 120 ? 256.0 : 0
        #expect(Double(bytes.count * 8 + 256) <= 1.005 * entropy + marks, "\(bytes.count * 8) against \(entropy)")
        #expect(bucket.frequencies.count > 1 || scale < 120)
        var decoded = [Int8](repeating: 0, count: symbols.count)
        var back = states
        let offsets = (0..<8192).map { UInt32(8 * $0) }
        bytes.withUnsafeBufferPointer { buffer in
            let end = buffer.baseAddress.map { $0 + buffer.count }
            #expect(cc_rans_decode(&back, buffer.baseAddress, end, &decoded, offsets, offsets.count, slots) == end)
        }
        #expect(decoded == symbols)
        #expect(back.allSatisfy { $0 == DitheredFormat.initialState })
    }

    @Test func classMapsRoundTripAndCostLittleWhenRegular() {
        var generator = SeededGenerator(seed: Seed(6))
        for classCount in [0, 1, 2, 15] {
            for variety in [1, 3, 40] {
                var current = 0
                let map = (0..<1024).map { _ -> UInt8 in
                    if generator.below(variety) == 0 { current = generator.below(classCount + 1) }
                    return UInt8(current)
                }
                let bytes = map.withUnsafeBufferPointer { ClassMapCoder.encode($0, classCount: classCount) }
                var decoded = [UInt8](repeating: 255, count: 1024)
                bytes.withUnsafeBytes { source in
                    decoded.withUnsafeMutableBufferPointer {
                        ClassMapCoder.decode(source, into: $0, classCount: classCount)
                    }
                }
                #expect(decoded == map)
                if variety == 40 { #expect(bytes.count < 60) }
            }
        }
    }

    @Test func nibblesRoundTrip() {
        var writer = NibbleWriter()
        let values: [UInt32] = [0, 7, 8, 63, 64, 100_000, 0, 134_217_727]
        for value in values { writer.append(value) }
        writer.bytes.withUnsafeBytes { bytes in
            var reader = NibbleReader(bytes, count: writer.count)
            for value in values { #expect(reader.next() == value) }
            #expect(reader.isAtEnd && reader.next() == nil)
        }
    }

    @Test func golombCodesTakeTheTheoreticalLength() {
        // b* + 1 / (1 - (1 - p)^(2^b*)) = 8.11 bits at p = 0.01, with b* = 6.
        #expect(GolombRice.parameter(chosen: 1000, of: 100_000) == 6)
        #expect(GolombRice.parameter(chosen: 100, of: 100_000) == 9)
        var generator = SeededGenerator(seed: Seed(8))
        let positions = generator.sample(10_000, of: 1_000_000)
        var writer = BitWriter()
        var next = 0
        for position in positions {
            GolombRice.append(position - next, parameter: 6, to: &writer)
            next = position + 1
        }
        let bytes = writer.finish()
        #expect(abs(Double(bytes.count * 8) / 10_000 - 8.11) < 0.03)
        var reader = BitReader(bytes)
        next = 0
        for position in positions {
            let gap = GolombRice.next(&reader, parameter: 6, limit: 1_000_000)
            #expect(gap == position - next)
            next = position + 1
        }
        #expect(reader.isAtEnd)
    }

    @Test func golombParameterIsTheFormulas() {
        let phi = (1 + 5.0.squareRoot()) / 2
        for (chosen, count) in [(1, 10), (3, 10), (1, 1000), (10, 999), (500, 100_000), (1, 1_000_000)] {
            let share = Double(chosen) / Double(count)
            let expected = max(0, 1 + Int(floor(log2(log(phi - 1) / log(1 - share)))))
            #expect(GolombRice.parameter(chosen: chosen, of: count) == expected, "\(chosen) of \(count)")
        }
    }
}
