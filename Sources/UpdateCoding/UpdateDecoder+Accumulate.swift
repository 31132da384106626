// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

extension UpdateDecoder {
    /// Decodes 2^12 coordinates at a time to the cache and accumulates them from there.
    public func accumulate(
        weight: Double,
        into accumulator: UnsafeMutableBufferPointer<Double>
    ) throws(UpdateCodingError) {
        let piece = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(1 << 12, max(accumulator.count, 1)))
        defer { piece.deallocate() }
        var start = 0
        while start < accumulator.count {
            let length = min(piece.count, accumulator.count - start)
            let block = UnsafeMutableBufferPointer(rebasing: piece[..<length])
            try decode(into: block)
            let target = UnsafeMutableBufferPointer(rebasing: accumulator[start..<(start + length)])
            VectorKernels.accumulate(UnsafeBufferPointer(block), weight: weight, into: target)
            start += length
        }
    }
}

extension UpdateCodec {
    /// Decodes a whole coded update that lies in memory.
    ///
    /// - Throws: ``UpdateCodingError`` when the bytes are not this codec's for this layout.
    public func decodeAll(
        _ bytes: [UInt8],
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> ParameterVector {
        var vector = ParameterVector(zeros: layout.elementCount)
        let decoder = try makeDecoder(MemoryByteSource(bytes), layout: layout, seed: seed)
        try vector.withMutableElements { (elements) throws(UpdateCodingError) in
            try decoder.decode(into: elements)
        }
        try decoder.finish()
        return vector
    }

    /// Codes a whole vector.
    ///
    /// - Throws: ``UpdateCodingError`` as ``encode(_:layout:seed:into:)`` does.
    public func encodeAll(
        _ vector: ParameterVector,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> [UInt8] {
        var bytes: [UInt8] = []
        if let count = encodedByteCount(layout: layout) { bytes.reserveCapacity(count) }
        try vector.withElements { (elements) throws(UpdateCodingError) in
            try encode(elements, layout: layout, seed: seed, into: &bytes)
        }
        return bytes
    }
}
