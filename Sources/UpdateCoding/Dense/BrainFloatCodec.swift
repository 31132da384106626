// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState
public import Randomness

/// Sends every coordinate as a bfloat16 (the upper half of a float), rounded to nearest even, little endian.
///
/// 2 bytes a coordinate; the relative error of each is at most 2^-9.
public struct BrainFloatCodec: UpdateCodec {
    /// `bf16`.
    public var specification: String { "bf16" }

    /// Creates the codec.
    public init() {}

    /// Appends 2 bytes for each coordinate.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        guard let from = vector.baseAddress, vector.count > 0 else { return }
        output.appendFilled(vector.count * 2) { bytes in
            cc_bfloat_encode(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, from, vector.count)
        }
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try requireByteCount(source, layout.elementCount * 2, codec: specification)
        return Decoder(source: source)
    }

    /// 2 bytes a coordinate.
    public func encodedByteCount(layout: TensorLayout) -> Int? { layout.elementCount * 2 }

    /// 2 bytes a coordinate.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int { layout.elementCount * 2 }

    private final class Decoder: UpdateDecoder {
        private let source: any UpdateByteSource

        init(source: any UpdateByteSource) {
            self.source = source
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            guard let to = block.baseAddress, block.count > 0 else { return }
            let bytes = try source.read(block.count * 2)
            cc_bfloat_decode(to, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, block.count)
        }

        func accumulate(
            weight: Double,
            into accumulator: UnsafeMutableBufferPointer<Double>
        ) throws(UpdateCodingError) {
            guard let to = accumulator.baseAddress, accumulator.count > 0 else { return }
            let bytes = try source.read(accumulator.count * 2)
            cc_bfloat_accumulate(to, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, weight, accumulator.count)
        }

        func finish() throws(UpdateCodingError) { try source.expectEnd() }
    }
}

/// Refuses a coded update whose length, known beforehand, is wrong.
func requireByteCount(_ source: any UpdateByteSource, _ expected: Int, codec: String) throws(UpdateCodingError) {
    let actual = source.remainingByteCount
    guard actual != expected else { return }
    throw UpdateCodingError(
        actual < expected ? .truncated : .trailingBytes,
        "a \(codec) update of \(actual) bytes: this model needs \(expected)"
    )
}
