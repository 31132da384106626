// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends every coordinate as a 32-bit float, little endian: 4 bytes a coordinate, no error.
public struct DenseFloatCodec: UpdateCodec {
    /// `fp32`.
    public var specification: String { "fp32" }

    /// Creates the codec.
    public init() {}

    /// Appends 4 bytes for each coordinate.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        output.append(contentsOf: UnsafeRawBufferPointer(vector))
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        guard source.remainingByteCount == layout.byteCount else {
            let code: UpdateCodingError.Code =
                source.remainingByteCount < layout.byteCount ? .truncated : .trailingBytes
            throw UpdateCodingError(
                code,
                "an fp32 update of \(source.remainingByteCount) bytes: the model needs \(layout.byteCount)"
            )
        }
        return Decoder(source: source)
    }

    /// 4 bytes a coordinate.
    public func encodedByteCount(layout: TensorLayout) -> Int? { layout.byteCount }

    /// 4 bytes a coordinate.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int { layout.byteCount }

    private final class Decoder: UpdateDecoder {
        private let source: any UpdateByteSource

        init(source: any UpdateByteSource) {
            self.source = source
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            let bytes = try source.read(block.count * 4)
            UnsafeMutableRawBufferPointer(block).copyMemory(from: bytes)
        }

        func finish() throws(UpdateCodingError) {
            guard source.remainingByteCount == 0 else {
                throw UpdateCodingError(.trailingBytes, "\(source.remainingByteCount) bytes follow the coded update")
            }
        }
    }
}
