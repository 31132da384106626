// SPDX-License-Identifier: Apache-2.0

internal import CZstd
public import ModelState
public import Randomness
public import UpdateCoding

/// Sends floats without loss: the four bytes of each are parted in planes, and each plane is compressed by zstd.
///
/// Exponents of neighbouring coordinates are alike, mantissas are noise: parted, the one compresses and the other is
/// stored. Chunks of 2^16 coordinates:
///
///     4 x length (variable) | plane of lowest bytes | ... | plane of highest bytes
///
/// where a plane is a zstd frame, or the bytes themselves if the length is that of the plane.
public struct BytePlaneCodec: UpdateCodec {
    /// The zstd levels that a specification may ask for.
    public static let levelRange = 1...19
    static let chunkElements = 1 << 16

    /// zstd's level: higher is slower and smaller.
    public let level: Int

    /// Creates the codec.
    ///
    /// - Precondition: the level lies in ``levelRange``.
    public init(level: Int = 1) {
        precondition(Self.levelRange.contains(level), "a zstd level lies in 1 ... 19")
        self.level = level
    }

    /// The family `lossless`, to be added to the registry.
    public static let family = CodecFamily(name: "lossless", example: "lossless") {
        (arguments) throws(UpdateCodingError) in
        try arguments.allow("level")
        return BytePlaneCodec(level: try arguments.integer("level", in: levelRange, default: 1))
    }

    /// `lossless`, with `:level=3` where the level is not 1.
    public var specification: String { level == 1 ? "lossless" : "lossless:level=\(level)" }

    /// Appends the chunks.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        var start = 0
        while start < vector.count {
            let end = min(start + Self.chunkElements, vector.count)
            try encodeChunk(UnsafeBufferPointer(rebasing: vector[start..<end]), into: &output)
            start = end
        }
    }

    private func encodeChunk(_ chunk: UnsafeBufferPointer<Float>, into output: inout [UInt8]) throws(UpdateCodingError)
    {
        var planes: [[UInt8]] = []
        for shift in [UInt32(0), 8, 16, 24] {
            let plane = chunk.map { UInt8(truncatingIfNeeded: $0.bitPattern >> shift) }
            var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(plane.count))
            let length = ZSTD_compress(&packed, packed.count, plane, plane.count, Int32(level))
            guard ZSTD_isError(length) == 0 else {
                throw UpdateCodingError(.malformed, "zstd failed: \(String(cString: ZSTD_getErrorName(length)))")
            }
            planes.append(length < plane.count ? Array(packed[..<length]) : plane)
        }
        for plane in planes { PlaneLength.append(plane.count, to: &output) }
        for plane in planes { output.append(contentsOf: plane) }
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        guard source.remainingByteCount <= maximumEncodedByteCount(layout: layout) else {
            throw UpdateCodingError(
                .trailingBytes,
                "a lossless update of \(source.remainingByteCount) bytes is longer than any of this model"
            )
        }
        return BytePlaneDecoder(source: source, elementCount: layout.elementCount)
    }

    /// 4 bytes a coordinate and 12 a chunk.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        let chunks = (layout.elementCount + Self.chunkElements - 1) / Self.chunkElements
        return 4 * layout.elementCount + 12 * chunks
    }
}

/// Lengths in groups of 7 bits, low group first, the top bit set on all but the last.
enum PlaneLength {
    static func append(_ length: Int, to output: inout [UInt8]) {
        var rest = length
        while rest >= 128 {
            output.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }

    static func read(_ source: any UpdateByteSource, limit: Int) throws(UpdateCodingError) -> Int {
        var length = 0
        for group in 0..<3 {
            let byte = Int(try source.read(1)[0])
            length |= (byte & 127) << (7 * group)
            if byte < 128, length <= limit { return length }
        }
        throw UpdateCodingError(.malformed, "a plane of a lossless update is longer than its coordinates")
    }
}
