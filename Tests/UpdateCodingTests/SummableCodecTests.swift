// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct SummableCodecTests {
    @Test func sumOfIntegersDecodesToTheMean() throws {
        let layout = try TestVectors.network()
        let codec = SummableCodec(bits: 10, norm: 80)
        let clients = 12
        var sum = [UInt64](repeating: 0, count: codec.integerCount(layout: layout))
        var mean = ParameterVector(zeros: layout.elementCount)
        for client in 0..<clients {
            let vector = TestVectors.layered(layout, seed: UInt64(client))
            #expect(vector.squaredNorm.squareRoot() < 80)
            mean.add(vector, scale: 1 / Float(clients))
            let integers = try vector.withElements {
                try codec.integers(of: $0, round: Seed(1), client: Seed(UInt64(client)))
            }
            #expect(integers.allSatisfy { $0 <= 1023 })
            for index in sum.indices { sum[index] += UInt64(integers[index]) }
        }
        let decoded = try codec.mean(ofSum: sum, count: clients, layout: layout, round: Seed(1))
        #expect(mean.relativeError(of: decoded) < 0.01)
    }

    @Test func roundingIsUnbiased() throws {
        let layout = try TestVectors.flat(64)
        let vector = TestVectors.gaussian(64)
        let codec = SummableCodec(bits: 2, norm: 12)
        var sum = [UInt64](repeating: 0, count: 64)
        for client in 0..<3000 {
            let integers = try vector.withElements {
                try codec.integers(of: $0, round: Seed(1), client: Seed(UInt64(client)))
            }
            for index in sum.indices { sum[index] += UInt64(integers[index]) }
        }
        let decoded = try codec.mean(ofSum: sum, count: 3000, layout: layout, round: Seed(1))
        #expect(vector.relativeError(of: decoded) < 0.01)
    }

    @Test func updatesPastTheNormAreScaledToIt() throws {
        let layout = try TestVectors.flat(4096)
        let vector = TestVectors.gaussian(4096)
        let decoded = try SummableCodec(bits: 12, norm: 8).roundTrip(vector, layout: layout, seed: 2)
        #expect(abs(decoded.squaredNorm.squareRoot() / 8 - 1) < 0.02)
    }

    @Test func impossibleSumsAreRefused() throws {
        let layout = try TestVectors.flat(64)
        let codec = SummableCodec(bits: 4, norm: 1)
        #expect(throws: UpdateCodingError.self) {
            try codec.mean(ofSum: [UInt64](repeating: 31, count: 64), count: 2, layout: layout, round: Seed(1))
        }
        #expect(throws: UpdateCodingError.self) {
            try codec.mean(ofSum: [1, 2], count: 2, layout: layout, round: Seed(1))
        }
    }
}
