// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct EdenCodecTests {
    /// Lloyd-Max levels of the half-normal density as published (Max 1960), to five digits.
    @Test func levelsAreTheOptimalOnes() {
        let expected: [Int: [Float]] = [
            1: [0.79788], 2: [0.45278, 1.51042], 3: [0.24509, 0.75601, 1.34391, 2.15195],
            4: [0.12840, 0.38805, 0.65676, 0.94234, 1.25623, 1.61805, 2.06902, 2.73259],
        ]
        for (bits, levels) in expected {
            let computed = GaussianQuantizer.bits(bits).levels
            #expect(computed.count == levels.count)
            for (left, right) in zip(computed, levels) { #expect(abs(left - right) < 1.2e-5) }
        }
    }

    @Test(arguments: [(1.0, 0.5708), (2, 0.13312), (3, 0.035784), (4, 0.0095921), (6, 6.447e-4)])
    func errorOnANormalVectorIsTheTheoretical(_ pair: (Double, Double)) throws {
        let count = 1 << 17
        let vector = TestVectors.gaussian(count, seed: 11)
        let layout = try TestVectors.flat(count)
        let error = vector.relativeError(of: try EdenCodec(bits: pair.0).roundTrip(vector, layout: layout, seed: 3))
        #expect(abs(error / pair.1 - 1) < 0.02, "\(error)")
    }

    @Test func rotationMakesOtherShapesCostTheSame() throws {
        let vector = TestVectors.heavyTailed(1 << 15)
        let layout = try TestVectors.flat(1 << 15)
        let error = vector.relativeError(of: try EdenCodec(bits: 2).roundTrip(vector, layout: layout, seed: 3))
        #expect(abs(error / 0.13312 - 1) < 0.05)
    }

    @Test func errorOfTheMeanFallsOnlyWithIndependentSeeds() throws {
        let count = 1 << 14
        let vector = TestVectors.gaussian(count)
        let layout = try TestVectors.flat(count)
        let codec = EdenCodec(bits: 1)
        var independent = ParameterVector(zeros: count)
        var shared = ParameterVector(zeros: count)
        for client in 0..<10 {
            independent.add(try codec.roundTrip(vector, layout: layout, seed: UInt64(100 + client)), scale: 0.1)
            shared.add(try codec.roundTrip(vector, layout: layout, seed: 100), scale: 0.1)
        }
        let one = vector.relativeError(of: try codec.roundTrip(vector, layout: layout, seed: 100))
        #expect(abs(vector.relativeError(of: independent) / (one / 10) - 1) < 0.1)
        #expect(abs(vector.relativeError(of: shared) / one - 1) < 0.01)
    }

    @Test func leastErrorScaleIsTheLloydMaxError() throws {
        let count = 1 << 15
        let vector = TestVectors.gaussian(count)
        let layout = try TestVectors.flat(count)
        let error = vector.relativeError(
            of: try EdenCodec(bits: 1, scale: .leastError).roundTrip(vector, layout: layout, seed: 3)
        )
        #expect(abs(error / 0.36338 - 1) < 0.02)
    }

    @Test func fractionalRatesMixWidths() {
        let codec = EdenCodec(bits: 2.25)
        #expect((0..<8).map { codec.bits(ofBlock: $0) } == [2, 2, 2, 3, 2, 2, 2, 3])
    }

    @Test func blocksCoverTheVectorWithFewZeros() {
        for count in [1, 63, 64, 65, 5000, 8192, 159_010] {
            var next = 0
            RotationBlocks(elementCount: count).visit { start, length in
                #expect(start == next && length.nonzeroBitCount == 1)
                next = start + length
            }
            #expect(next >= count && next < count + 64)
        }
    }

    @Test func hadamardAgreesWithItsDefinition() {
        var rotation = SignedHadamard(seed: Seed(1))
        let input = TestVectors.gaussian(256).elements
        var output = input
        output.withUnsafeMutableBufferPointer { rotation.rotate($0.baseAddress!, start: 0, length: 256) }  // not empty
        var back = output
        back.withUnsafeMutableBufferPointer { rotation.unrotate($0.baseAddress!, start: 0, length: 256) }  // not empty
        for index in 0..<256 { #expect(abs(back[index] / 256 - input[index]) < 1e-5) }
        // A unit vector becomes one row of the matrix: entries +-1 with sign (-1)^popcount(i & j).
        var unit = [Float](repeating: 0, count: 256)
        unit[77] = 1
        unit.withUnsafeMutableBufferPointer { rotation.rotate($0.baseAddress!, start: 0, length: 256) }  // not empty
        let sign = unit[0]
        for index in 0..<256 { #expect(unit[index] == ((index & 77).nonzeroBitCount % 2 == 0 ? sign : -sign)) }
    }
}
