// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct LowRankCodecTests {
    /// A matrix of exactly rank 2, plus noise.
    private func matrix(_ noise: Float, seed: UInt64 = 1) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(seed))
        let left = (0..<80).map { _ in Float(generator.normal()) }
        let right = (0..<60).map { _ in Float(generator.normal()) }
        return ParameterVector(
            (0..<(40 * 30)).map { index in
                let (row, column) = (index / 30, index % 30)
                return left[2 * row] * right[2 * column] + left[2 * row + 1] * right[2 * column + 1]
                    + noise * Float(generator.normal())
            }
        )
    }

    private let layout: TensorLayout

    init() throws { layout = try TensorLayout([.init(name: "m", shape: [40, 30])]) }

    @Test func aMatrixOfTheRankIsExact() throws {
        let vector = matrix(0)
        #expect(vector.relativeError(of: try LowRankCodec(rank: 2).roundTrip(vector, layout: layout, seed: 1)) < 1e-10)
    }

    @Test func warmStartComesCloserOnASlowlyChangingMatrix() throws {
        var encoder = try CodecRegistry.encoder("powersgd:rank=2")
        let codec = LowRankCodec(rank: 2)
        var errors: [Double] = []
        for round in 0..<4 {
            let vector = matrix(1)
            var bytes: [UInt8] = []
            try encoder.encode(vector, layout: layout, seed: Seed(UInt64(round)), round: round, into: &bytes)
            encoder.settle(.accepted)
            errors.append(vector.relativeError(of: try codec.decodeAll(bytes, layout: layout, seed: Seed(0))))
        }
        #expect(errors[3] <= errors[0] + 1e-9)
        // Never worse than projecting away nothing, never better than the noise that rank 2 cannot hold.
        #expect(errors[3] < 0.4 && errors[3] > 0.1)
    }

    @Test func smallTensorsAreSentAsTheyAre() throws {
        let layout = try TensorLayout([.init(name: "b", shape: [10]), .init(name: "t", shape: [3, 4])])
        let vector = TestVectors.gaussian(22)
        #expect(try LowRankCodec(rank: 2).roundTrip(vector, layout: layout, seed: 0) == vector)
    }
}
