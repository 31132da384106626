// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import UpdateCoding

/// Vectors of known shape, from seeds.
enum TestVectors {
    static func gaussian(_ count: Int, seed: UInt64 = 1) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(seed))
        return ParameterVector((0..<count).map { _ in Float(generator.normal()) })
    }

    /// Signed, with magnitudes over many decades.
    static func heavyTailed(_ count: Int, seed: UInt64 = 2) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(seed))
        return ParameterVector(
            (0..<count).map { _ in
                let value = generator.normal()
                return Float(value * value * value) * 0.01
            }
        )
    }

    /// Tensors whose scales spread over two decades, with rows of zeros, like a real update.
    static func layered(_ layout: TensorLayout, seed: UInt64 = 3) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(seed))
        var values = [Float](repeating: 0, count: layout.elementCount)
        for tensor in layout.tensors.indices {
            let scale = Float(generator.uniform() * generator.uniform() + 0.01)
            for index in layout.range(of: tensor) {
                let isDead = index / 100 % 7 == 3
                values[index] = isDead ? 0 : Float(generator.normal()) * scale
            }
        }
        return ParameterVector(values)
    }

    static func flat(_ count: Int) throws -> TensorLayout { try TensorLayout([.init(name: "w", shape: [count])]) }

    static func network() throws -> TensorLayout {
        try TensorLayout([
            .init(name: "first.weight", shape: [50, 101]), .init(name: "first.bias", shape: [50]),
            .init(name: "second.weight", shape: [20, 50]), .init(name: "second.bias", shape: [20]),
            .init(name: "scale", shape: []), .init(name: "kernel", shape: [16, 8, 3, 3]),
        ])
    }

    /// Every codec, beside rates and options worth a test of their own.
    static let specifications = [
        "fp32", "bf16", "int8", "int4", "eden:bits=1", "eden:bits=2", "eden:bits=3", "eden:bits=4", "eden:bits=8",
        "eden:bits=2.5", "eden:bits=1,scale=mse", "ecdq:bits=0.5", "ecdq:bits=1", "ecdq:bits=2", "ecdq:bits=4",
        "ecdq:bits=8", "ecdq:bits=2,scale=mse", "ecdq:error=0.1", "ecdq:error=0.000001", "topk:fraction=0.01",
        "topk:fraction=0.3", "topk:fraction=0.05,floor=0.01", "randk:fraction=0.1", "stc:fraction=0.01",
        "powersgd:rank=2", "summable:bits=4,norm=30", "eden:bits=2+allocation", "eden:bits=1.5,scale=mse+allocation",
        "eden:bits=3+allocation:method=joint", "eden:bits=2.5+allocation:method=slope",
        "ecdq:bits=2+importance:bias=16,normalization=4",
    ]
}

extension ParameterVector {
    /// The squared error of `other` over the squared norm, vNMSE.
    func relativeError(of other: ParameterVector) -> Double {
        other.subtracting(self).squaredNorm / squaredNorm
    }
}

extension UpdateCodec {
    func roundTrip(_ vector: ParameterVector, layout: TensorLayout, seed: UInt64) throws -> ParameterVector {
        let bytes = try encodeAll(vector, layout: layout, seed: Seed(seed))
        return try decodeAll(bytes, layout: layout, seed: Seed(seed))
    }
}
