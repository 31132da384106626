// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import Randomness

/// The arithmetic of ``SummableCodec`` for vectors of one length.
struct SummableGrid {
    private let codec: SummableCodec
    private let elementCount: Int
    private let blockLength: Int
    private let blockCount: Int
    /// Half the grid's width, t.
    private let limit: Float

    init(_ codec: SummableCodec, _ elementCount: Int) {
        self.codec = codec
        self.elementCount = elementCount
        var length = RotationBlocks.smallest
        while length < min(elementCount, RotationBlocks.largest) { length *= 2 }
        blockLength = length
        blockCount = (elementCount + length - 1) / length
        let deviation = codec.norm / Double(max(length * blockCount, 1)).squareRoot()
        limit = SummableCodec.clip * Float(deviation)
    }

    var paddedCount: Int { blockLength * blockCount }

    /// Deals coordinate i to place i / blockCount of block i mod blockCount, scaled to the norm bound, and rotates.
    private func rotated(_ vector: UnsafeBufferPointer<Float>, round: Seed) -> [Float] {
        let length = VectorKernels.squaredNorm(vector).squareRoot()
        let shrink = Float(length > codec.norm ? codec.norm / length : 1) / Float(blockLength).squareRoot()
        var padded = [Float](repeating: 0, count: paddedCount)
        for (index, value) in vector.enumerated() {
            padded[index % blockCount * blockLength + index / blockCount] = value * shrink
        }
        var rotation = SignedHadamard(seed: round)
        padded.withUnsafeMutableBufferPointer { padded in
            guard let base = padded.baseAddress else { return }
            for block in 0..<blockCount {
                rotation.rotate(base + block * blockLength, start: block * blockLength, length: blockLength)
            }
        }
        return padded
    }

    func integers(of vector: UnsafeBufferPointer<Float>, round: Seed, client: Seed) -> [UInt32] {
        guard elementCount > 0 else { return [] }
        var generator = SeededGenerator(seed: client)
        let perUnit = Float(codec.largestInteger) / (2 * limit)
        return rotated(vector, round: round).map { value in
            let position = (min(max(value, -limit), limit) + limit) * perUnit
            let whole = min(position.rounded(.down), Float(codec.largestInteger))
            let up = generator.uniformFloat() < position - whole
            return min(UInt32(whole) + (up ? 1 : 0), codec.largestInteger)
        }
    }

    func mean(ofSum sum: [UInt64], count: Int, round: Seed) -> ParameterVector {
        var result = ParameterVector(zeros: elementCount)
        guard elementCount > 0 else { return result }
        let unit = 2 * Double(limit) / Double(codec.largestInteger) / Double(count)
        let scale = 1 / Float(blockLength).squareRoot()
        var padded = sum.map { Float(Double($0) * unit - Double(limit)) * scale }
        var rotation = SignedHadamard(seed: round)
        padded.withUnsafeMutableBufferPointer { padded in
            guard let base = padded.baseAddress else { return }
            for block in 0..<blockCount {
                rotation.unrotate(base + block * blockLength, start: block * blockLength, length: blockLength)
            }
        }
        result.withMutableElements { elements in
            for index in elements.indices {
                elements[index] = padded[index % blockCount * blockLength + index / blockCount]
            }
        }
        return result
    }
}
