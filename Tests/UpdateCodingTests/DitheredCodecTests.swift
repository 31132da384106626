// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct DitheredCodecTests {
    /// Everything counted. The bounds are the theory's .5515, .0976 and .00559 and what tables, states and headers
    /// cost.
    @Test(arguments: [(1.0, 0.56), (2.0, 0.0985), (4.0, 0.00567)])
    func errorOnANormalVectorWithEverythingCounted(_ pair: (Double, Double)) throws {
        let count = 1 << 17
        let vector = TestVectors.gaussian(count, seed: 21)
        let layout = try TestVectors.flat(count)
        let codec = DitheredCodec(target: .bits(pair.0))
        let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(3))
        #expect(Double(bytes.count * 8) / Double(count) <= pair.0 * 1.003)
        let error = vector.relativeError(of: try codec.decodeAll(bytes, layout: layout, seed: Seed(3)))
        #expect(error <= pair.1, "\(error) at \(bytes.count) bytes")
    }

    @Test(arguments: ["gaussian", "heavy", "constant", "layered"])
    func errorIsTheTargetForEveryShape(_ shape: String) throws {
        let layout = shape == "layered" ? try TestVectors.network() : try TestVectors.flat(20_000)
        let count = layout.elementCount
        let vector: ParameterVector
        switch shape {
        case "gaussian": vector = TestVectors.gaussian(count)
        case "heavy": vector = TestVectors.heavyTailed(count)
        case "constant": vector = ParameterVector([Float](repeating: 0.3, count: count))
        default: vector = TestVectors.layered(layout)
        }
        // Blocks of zeros are exact, so they owe their share of the error.
        let zeroBlocks = stride(from: 0, to: count, by: 64).reduce(0) { sum, start in
            let block = start..<min(start + 64, count)
            return sum + (block.allSatisfy { vector[$0] == 0 } ? block.count : 0)
        }
        var sum = 0.0
        let repeats = 12
        for seed in 0..<repeats {
            sum += vector.relativeError(
                of: try DitheredCodec(target: .error(0.05)).roundTrip(vector, layout: layout, seed: UInt64(seed))
            )
        }
        let expected = 0.05 * Double(count - zeroBlocks) / Double(count)
        #expect(abs(sum / Double(repeats) / expected - 1) < 0.01, "\(sum / Double(repeats)) against \(expected)")
    }

    @Test func everyCoordinateIsUnbiased() throws {
        let count = 128
        let vector = TestVectors.heavyTailed(count)
        let layout = try TestVectors.flat(count)
        let codec = DitheredCodec(target: .error(0.2))
        var mean = ParameterVector(zeros: count)
        let repeats = 1000
        for seed in 0..<repeats {
            mean.add(try codec.roundTrip(vector, layout: layout, seed: UInt64(seed)), scale: 1 / Float(repeats))
        }
        // Each error is uniform with variance step^2 / 12 = 0.2 ms(x); 4.5 sigma over 128 coordinates.
        let deviation = (0.2 * vector.squaredNorm / Double(count) / Double(repeats)).squareRoot()
        for index in 0..<count { #expect(abs(Double(mean[index] - vector[index])) < 4.5 * deviation) }
    }

    @Test func errorOfTheMeanFallsOnlyWithIndependentSeeds() throws {
        let count = 1 << 13
        let vector = TestVectors.gaussian(count)
        let layout = try TestVectors.flat(count)
        let codec = DitheredCodec(target: .error(0.1))
        var independent = ParameterVector(zeros: count)
        var shared = ParameterVector(zeros: count)
        for client in 0..<10 {
            independent.add(try codec.roundTrip(vector, layout: layout, seed: UInt64(100 + client)), scale: 0.1)
            shared.add(try codec.roundTrip(vector, layout: layout, seed: 100), scale: 0.1)
        }
        #expect(abs(vector.relativeError(of: independent) / 0.01 - 1) < 0.1)
        #expect(abs(vector.relativeError(of: shared) / 0.1 - 1) < 0.1)
    }

    @Test func leastErrorScaleShrinksTheError() throws {
        let count = 1 << 15
        let vector = TestVectors.gaussian(count)
        let layout = try TestVectors.flat(count)
        let error = { (scale: DitheredCodec.Scale) in
            vector.relativeError(
                of: try DitheredCodec(target: .error(0.5), scale: scale).roundTrip(vector, layout: layout, seed: 2)
            )
        }
        // Wiener: e / (1 + e)
        #expect(abs(try error(.unbiased) / 0.5 - 1) < 0.03)
        #expect(abs(try error(.leastError) / (0.5 / 1.5) - 1) < 0.03)
    }

    @Test func classesFollowTheScaleOfEachTensor() throws {
        let layout = try TensorLayout((0..<16).map { .init(name: "t\($0)", shape: [4096]) })
        var vector = TestVectors.gaussian(layout.elementCount)
        vector.withMutableElements { elements in
            for tensor in 0..<16 {
                let scale = Float(sign: .plus, exponent: -(tensor % 8), significand: 1)
                for index in layout.range(of: tensor) { elements[index] *= scale }
            }
        }
        let dithered = try DitheredCodec(target: .bits(2)).roundTrip(vector, layout: layout, seed: 1)
        let eden = try EdenCodec(bits: 2).roundTrip(vector, layout: layout, seed: 1)
        #expect(vector.relativeError(of: dithered) * 4 < vector.relativeError(of: eden))
    }

    @Test func zerosInAnUpdateAreExact() throws {
        let count = 64 * 100
        var vector = TestVectors.gaussian(count)
        vector.withMutableElements { for index in 640..<3200 { $0[index] = 0 } }
        let decoded = try DitheredCodec(target: .bits(1)).roundTrip(
            vector,
            layout: try TestVectors.flat(count),
            seed: 1
        )
        for index in 640..<3200 { #expect(decoded[index].bitPattern == 0) }
    }

    @Test func rangesOverManyOctavesNeedRawBitsAndEscapes() throws {
        let count = 64 * 64
        var vector = TestVectors.gaussian(count)
        vector.withMutableElements { elements in
            for index in elements.indices { elements[index] *= index < 2048 ? 20_000 : 1 }
            elements[3000] = 900
        }
        let codec = DitheredCodec(target: .error(1e-8))
        let layout = try TestVectors.flat(count)
        let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(1))
        #expect(bytes[0] == 0)
        let error = vector.relativeError(of: try codec.decodeAll(bytes, layout: layout, seed: Seed(1)))
        #expect(abs(error / 1e-8 - 1) < 0.1, "\(error)")
    }

    @Test func budgetIsKeptOnAnUnevenUpdate() throws {
        let layout = try TensorLayout((0..<40).map { .init(name: "t\($0)", shape: [1000 + 37 * $0]) })
        let vector = TestVectors.layered(layout)
        for bits in [0.25, 1, 3, 6] {
            let bytes = try DitheredCodec(target: .bits(bits)).encodeAll(vector, layout: layout, seed: Seed(1))
            let actual = Double(bytes.count * 8) / Double(layout.elementCount)
            #expect(actual < bits * 1.01 + 0.005 && actual > bits * 0.97, "\(bits): \(actual)")
        }
    }
}
