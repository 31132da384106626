// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState
public import Randomness

/// Sends blocks of 64 coordinates as small integers with one scale a block: `int8` or `int4`.
///
/// A block is the scale `s = max|x| / L` as bfloat16, rounded up, and `rint(x / s)` for each coordinate, with L = 127
/// or 7; the error of a coordinate is at most s / 2. 8.25 or 4.25 bits a coordinate.
public struct BlockIntegerCodec: UpdateCodec {
    /// The width of an integer.
    public enum Width: Int, Sendable, CaseIterable {
        /// Integers of -127 ... 127.
        case eight = 8
        /// Integers of -7 ... 7.
        case four = 4
    }

    static let blockElements = 64
    private static let pieceBlocks = 128

    /// The integers' width.
    public let width: Width

    /// Creates the codec.
    public init(width: Width) {
        self.width = width
    }

    /// `int8` or `int4`.
    public var specification: String { "int\(width.rawValue)" }

    /// Appends the blocks; the last one is as short as the vector leaves it (int4 pads it to an even count).
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        guard let from = vector.baseAddress, vector.count > 0 else { return }
        let (blocks, rest) = vector.count.quotientAndRemainder(dividingBy: Self.blockElements)
        var tooLarge = false
        // Through a buffer in the nearest cache: an array cannot grow without first being filled.
        let piece = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.pieceBlocks * width.blockBytes)
        defer { piece.deallocate() }
        var block = 0
        while block < blocks {
            let count = min(Self.pieceBlocks, blocks - block)
            width.encode(piece, from + block * Self.blockElements, count)
            tooLarge = tooLarge || width.largestScale(piece, count) >= Width.scaleLimit
            output.append(contentsOf: UnsafeBufferPointer(start: piece, count: count * width.blockBytes))
            block += count
        }
        if rest > 0 { tooLarge = appendShortBlock(vector, from: blocks * Self.blockElements, to: &output) || tooLarge }
        guard !tooLarge else {
            throw UpdateCodingError(.notFinite, "a coordinate is past 2^121; \(specification) cannot code it")
        }
    }

    private func appendShortBlock(
        _ vector: UnsafeBufferPointer<Float>,
        from start: Int,
        to output: inout [UInt8]
    ) -> Bool {
        let rest = vector.count - start
        // A short block is coded as a whole one whose missing coordinates are zero. Its bytes are then cut off: int8
        // keeps one byte a coordinate; int4 keeps the first 32 bytes' worth, as byte k also holds coordinate k + 32.
        var padded = [Float](repeating: 0, count: Self.blockElements)
        for index in 0..<rest { padded[index] = vector[start + index] }
        var block = [UInt8](repeating: 0, count: width.blockBytes)
        width.encode(&block, padded, 1)
        output.append(contentsOf: block[..<width.byteCount(ofBlockWith: rest)])
        return width.largestScale(block, 1) >= Width.scaleLimit
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try requireByteCount(source, maximumEncodedByteCount(layout: layout), codec: specification)
        let reader = Reader(source: source, width: width, count: layout.elementCount)
        return BlockwiseDecoder(reader: reader, largestBlock: Self.blockElements)
    }

    /// 66 or 34 bytes a block of 64.
    public func encodedByteCount(layout: TensorLayout) -> Int? { maximumEncodedByteCount(layout: layout) }

    /// 66 or 34 bytes a block of 64.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        let (blocks, rest) = layout.elementCount.quotientAndRemainder(dividingBy: Self.blockElements)
        return blocks * width.blockBytes + (rest > 0 ? width.byteCount(ofBlockWith: rest) : 0)
    }

    private final class Reader: BlockReader {
        private let source: any UpdateByteSource
        private let width: Width
        private var remaining: Int

        init(source: any UpdateByteSource, width: Width, count: Int) {
            self.source = source
            self.width = width
            remaining = count
        }

        var nextBlockCount: Int { min(remaining, BlockIntegerCodec.blockElements) }

        func readBlock(into block: UnsafeMutablePointer<Float>) throws(UpdateCodingError) {
            let count = nextBlockCount
            let bytes = try source.read(width.byteCount(ofBlockWith: count))
            var whole = [UInt8](repeating: 0, count: width.blockBytes)
            for (index, byte) in bytes.enumerated() { whole[index] = byte }
            try width.checkScales(whole, 1)
            var values = [Float](repeating: 0, count: BlockIntegerCodec.blockElements)
            width.decode(&values, whole, 1)
            for index in 0..<count { block[index] = values[index] }
            remaining -= count
        }

        func readBlocks(into output: UnsafeMutablePointer<Float>, count: Int) throws(UpdateCodingError) -> Int {
            let blocks = min(count, remaining) / BlockIntegerCodec.blockElements
            guard let bytes = try take(blocks) else { return 0 }
            width.decode(output, bytes, blocks)
            return blocks * BlockIntegerCodec.blockElements
        }

        func accumulateBlocks(
            weight: Double,
            into accumulator: UnsafeMutablePointer<Double>,
            count: Int
        ) throws(UpdateCodingError) -> Int {
            let blocks = min(count, remaining) / BlockIntegerCodec.blockElements
            guard let bytes = try take(blocks) else { return 0 }
            width.accumulate(accumulator, bytes, weight, blocks)
            return blocks * BlockIntegerCodec.blockElements
        }

        private func take(_ blocks: Int) throws(UpdateCodingError) -> UnsafePointer<UInt8>? {
            guard blocks > 0 else { return nil }
            let bytes = try source.read(blocks * width.blockBytes).assumingMemoryBound(to: UInt8.self)
            guard let base = bytes.baseAddress else { return nil }
            try width.checkScales(base, blocks)
            remaining -= blocks * BlockIntegerCodec.blockElements
            return base
        }

        func finish() throws(UpdateCodingError) { try source.expectEnd() }
    }
}

extension BlockIntegerCodec.Width {
    var blockBytes: Int { self == .eight ? 66 : 34 }

    func byteCount(ofBlockWith count: Int) -> Int {
        self == .eight ? 2 + count : 2 + min(count, 32)
    }

    func encode(_ output: UnsafeMutablePointer<UInt8>?, _ input: UnsafePointer<Float>, _ blocks: Int) {
        guard let output else { return }
        switch self {
        case .eight: cc_int8_encode(output, input, blocks)
        case .four: cc_int4_encode(output, input, blocks)
        }
    }

    func decode(_ output: UnsafeMutablePointer<Float>, _ bytes: UnsafePointer<UInt8>, _ blocks: Int) {
        switch self {
        case .eight: cc_int8_decode(output, bytes, blocks)
        case .four: cc_int4_decode(output, bytes, blocks)
        }
    }

    func accumulate(
        _ accumulator: UnsafeMutablePointer<Double>,
        _ bytes: UnsafePointer<UInt8>,
        _ weight: Double,
        _ blocks: Int
    ) {
        switch self {
        case .eight: cc_int8_accumulate(accumulator, bytes, weight, blocks)
        case .four: cc_int4_accumulate(accumulator, bytes, weight, blocks)
        }
    }

    /// The largest of the blocks' scales as 16-bit numbers; a negative scale counts as larger than every other.
    func largestScale(_ bytes: UnsafePointer<UInt8>, _ blocks: Int) -> UInt16 {
        var largest: UInt16 = 0
        for block in 0..<blocks {
            let at = bytes + block * blockBytes
            largest = max(largest, UInt16(at[0]) | UInt16(at[1]) << 8)
        }
        return largest
    }

    func checkScales(_ bytes: UnsafePointer<UInt8>, _ blocks: Int) throws(UpdateCodingError) {
        guard largestScale(bytes, blocks) < Self.scaleLimit else {
            throw UpdateCodingError(.malformed, "a block's scale is negative, infinite or not a number")
        }
    }

    /// Scales at and above 2^121 could overflow when multiplied; no update that training can apply needs them.
    static let scaleLimit = UInt16(
        truncatingIfNeeded: Float(sign: .plus, exponent: 121, significand: 1).bitPattern >> 16
    )
}
