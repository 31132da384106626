// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@testable import UpdateCoding

/// Bits divided over tensors of very different scale.
@Suite struct AllocatedCodecTests {
    private let layout: TensorLayout
    private let vector: ParameterVector

    init() throws {
        layout = try TensorLayout([
            .init(name: "small", shape: [40, 200]), .init(name: "large", shape: [40, 200]),
            .init(name: "bias", shape: [37]), .init(name: "zero", shape: [64, 16]),
        ])
        let gaussian = TestVectors.gaussian(layout.elementCount)
        var elements = gaussian.elements
        for index in layout.range(of: 1) { elements[index] *= 16 }
        for index in layout.range(of: 3) { elements[index] = 0 }
        vector = ParameterVector(elements)
    }

    private func result(_ specification: String) throws -> (bytes: Int, error: Double) {
        let codec = try CodecRegistry.codec(specification)
        let bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(3))
        #expect(bytes.count <= codec.maximumEncodedByteCount(layout: layout))
        return (bytes.count, vector.relativeError(of: try codec.decodeAll(bytes, layout: layout, seed: Seed(3))))
    }

    @Test(arguments: ["", ",scale=mse"], AllocatedCodec.Method.allCases)
    func allocationHalvesTheErrorAtEqualBytes(_ scale: String, _ method: AllocatedCodec.Method) throws {
        // Rotation blocks of a tensor of its own, at equal rates: what allocation has to beat.
        let plain = try result("eden:bits=3" + scale)
        let allocated = try result("eden:bits=3" + scale + "+allocation:method=\(method.rawValue)")
        #expect(allocated.error < 0.5 * plain.error, "\(method): \(allocated.error) against \(plain.error)")
        // Two bytes a tensor, padding and scales of the shorter blocks.
        #expect(allocated.bytes <= plain.bytes + 64)
    }

    @Test func jointIsNoWorseThanGreedyAndTheyAgreeOnTheOrder() throws {
        let greedy = try result("eden:bits=2+allocation")
        let joint = try result("eden:bits=2+allocation:method=joint")
        #expect(joint.error <= greedy.error * 1.02)
    }

    @Test func unbiasedRatesKeepEveryTensorAndLeastErrorMayDropOne() throws {
        func rates(_ specification: String) throws -> [UInt16] {
            let bytes = try CodecRegistry.codec(specification).encodeAll(vector, layout: layout, seed: Seed(1))
            return (0..<4).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
        }
        let unbiased = try rates("eden:bits=2+allocation")
        #expect(unbiased[3] == 64 && unbiased[1] > unbiased[0])
        let least = try rates("eden:bits=1,scale=mse+allocation")
        #expect(least[3] == 0 && least[1] >= 128)
    }

    @Test func ratesOutsideOfTheRangeAreMalformed() throws {
        let codec = try CodecRegistry.codec("eden:bits=2+allocation")
        var bytes = try codec.encodeAll(vector, layout: layout, seed: Seed(1))
        bytes[0] = 63
        bytes[1] = 0
        let error = #expect(throws: UpdateCodingError.self) {
            try codec.decodeAll(bytes, layout: layout, seed: Seed(1))
        }
        #expect(error?.code == .malformed)
    }

    @Test func kindsGiveTheSameBytesAsTheirTensorsOneByOne() throws {
        let base = DitheredCodec(target: .bits(3))
        let byKind = ImportanceWeightedCodec(base: base, importance: .kinds([.bias: 16]))
        let byTensor = ImportanceWeightedCodec(base: base, importance: .tensors([1, 1, 16, 1]))
        #expect(
            try byKind.encodeAll(vector, layout: layout, seed: Seed(1))
                == byTensor.encodeAll(vector, layout: layout, seed: Seed(1))
        )
        let tooFew = ImportanceWeightedCodec(base: base, importance: .tensors([1, 1]))
        #expect(throws: UpdateCodingError.self) { try tooFew.encodeAll(vector, layout: layout, seed: Seed(1)) }
    }
}
