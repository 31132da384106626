// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct SparseCodecTests {
    @Test(arguments: [1, 10, 500, 4999, 5000, 20_000])
    func selectionAgreesWithSorting(_ count: Int) throws {
        let total = 20_000
        var vector = TestVectors.heavyTailed(total)
        // Ties, at several magnitudes.
        vector.withMutableElements {
            for index in stride(from: 0, to: total, by: 3) { $0[index] = index % 2 == 0 ? 0.005 : -0.005 }
        }
        let elements = vector.elements
        let order = elements.indices.sorted { left, right in
            let (a, b) = (abs(elements[left]), abs(elements[right]))
            return a == b ? left < right : a > b
        }
        let selected = vector.withElements {
            MagnitudeSelection.indices(
                $0,
                layout: (try? TestVectors.flat(total)) ?? (try? TensorLayout([]))!,
                count: count,
                floor: 0
            )  // both valid
        }
        #expect(selected == order.prefix(count).sorted())
    }

    @Test func everyTensorKeepsItsLeastShare() throws {
        let layout = try TensorLayout([.init(name: "large", shape: [9000]), .init(name: "small", shape: [500])])
        var vector = TestVectors.gaussian(9500)
        vector.withMutableElements { for index in 9000..<9500 { $0[index] *= 1e-4 } }
        let decoded = try TopKCodec(fraction: 0.01, floor: 0.01).roundTrip(vector, layout: layout, seed: 0)
        let kept = (9000..<9500).filter { decoded[$0] != 0 }
        #expect(kept.count == 5)
        let least = kept.map { abs(vector[$0]) }.min() ?? 0
        #expect((9000..<9500).allSatisfy { kept.contains($0) || abs(vector[$0]) <= least })
    }

    @Test func topKKeepsTheLargestExactlyEnough() throws {
        let vector = TestVectors.gaussian(10_000)
        let layout = try TestVectors.flat(10_000)
        let decoded = try TopKCodec(fraction: 0.02).roundTrip(vector, layout: layout, seed: 0)
        #expect(decoded.elements.filter { $0 != 0 }.count == 200)
        for index in 0..<10_000 where decoded[index] != 0 {
            #expect(abs(decoded[index] / vector[index] - 1) <= 0x1p-11)
        }
    }

    @Test func sparseTernaryTakesTheExpectedBits() throws {
        let count = 200_000
        let vector = TestVectors.gaussian(count)
        let layout = try TestVectors.flat(count)
        let bytes = try SparseTernaryCodec(fraction: 0.01).encodeAll(vector, layout: layout, seed: Seed(0))
        #expect(abs(Double(bytes.count * 8) / Double(count) - 0.0911) < 0.001)
        let decoded = try SparseTernaryCodec(fraction: 0.01).decodeAll(bytes, layout: layout, seed: Seed(0))
        #expect(Set(decoded.elements.map(abs)).count == 2)
        #expect(abs(vector.relativeError(of: decoded) - 0.916) < 0.006)
    }

    @Test func randomSubsetIsUnbiased() throws {
        let vector = TestVectors.gaussian(50)
        let layout = try TestVectors.flat(50)
        var mean = ParameterVector(zeros: 50)
        var error = 0.0
        for seed in 0..<4000 {
            let decoded = try RandomKCodec(fraction: 0.2).roundTrip(vector, layout: layout, seed: UInt64(seed))
            mean.add(decoded, scale: 1 / 4000)
            error += vector.relativeError(of: decoded) / 4000
        }
        #expect(abs(error / 4 - 1) < 0.05)
        // A coordinate is 5 x with probability 1/5: variance 4 x^2.
        let deviation = (Float(4) / 4000).squareRoot()
        for index in 0..<50 {
            let limit = 4.5 * deviation * abs(vector[index]) + 1e-4
            #expect(abs(mean[index] - vector[index]) < limit)
        }
    }
}
