// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Turns a vector into bytes and back.
///
/// A codec is a value without state: what must survive between rounds (error feedback, warm starts) lives in wrappers.
public protocol UpdateCodec: Sendable {
    /// The specification that makes this codec, as users write it: `fp32`, `ecdq:bits=2`.
    var specification: String { get }

    /// Appends the coded form of `vector` to `output`.
    ///
    /// - Parameters:
    ///   - vector: as many elements as `layout` has; finite.
    ///   - layout: the tensors of the vector; codecs with tables or scales per tensor use it.
    ///   - seed: the randomness of this one update. The decoder is given the same seed.
    ///   - output: the bytes are appended.
    /// - Throws: ``UpdateCodingError`` when the vector cannot be coded (a value that is not finite, ...).
    func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError)

    /// Begins decoding one coded update.
    ///
    /// - Parameters:
    ///   - source: the coded bytes, from their beginning.
    ///   - layout: the layout given to the encoder.
    ///   - seed: the seed given to the encoder.
    /// - Throws: ``UpdateCodingError`` when the beginning of the bytes cannot be this codec's.
    func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder

    /// The number of bytes of every coded update of this layout, where the codec knows it beforehand.
    func encodedByteCount(layout: TensorLayout) -> Int?

    /// The most bytes that a coded update of this layout can have; more are refused before they are stored.
    func maximumEncodedByteCount(layout: TensorLayout) -> Int
}

extension UpdateCodec {
    /// Unknown beforehand, unless the codec says otherwise.
    public func encodedByteCount(layout: TensorLayout) -> Int? { nil }
}

/// Yields the coordinates of one coded update in their order, block by block, within bounded memory.
///
/// A decoder is total: any bytes give values or a typed error.
public protocol UpdateDecoder: AnyObject {
    /// Decodes the next `block.count` coordinates.
    ///
    /// - Precondition: no more coordinates are asked for than the layout has.
    /// - Throws: ``UpdateCodingError`` when the bytes end early or are not the codec's.
    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError)

    /// Decodes the next `accumulator.count` coordinates and adds `weight` times each to the accumulator:
    ///
    ///     accumulator[i] += weight * Double(coordinate[i])
    ///
    /// The result has the bits of decoding first and accumulating then; the floats are never stored together.
    ///
    /// - Precondition: no more coordinates are asked for than the layout has.
    /// - Throws: ``UpdateCodingError`` as ``decode(into:)`` does; the accumulator is then partly changed.
    func accumulate(
        weight: Double,
        into accumulator: UnsafeMutableBufferPointer<Double>
    ) throws(UpdateCodingError)

    /// Checks, after the last coordinate, that the bytes end here.
    ///
    /// - Throws: ``UpdateCodingError`` with code `trailingBytes` when they do not.
    func finish() throws(UpdateCodingError)
}

/// Hands out the bytes of one coded update in order, from memory or from a spool file.
public protocol UpdateByteSource: AnyObject {
    /// The bytes not yet handed out.
    var remainingByteCount: Int { get }

    /// The next `count` bytes, valid until the next call.
    ///
    /// - Throws: ``UpdateCodingError`` with code `truncated` when fewer remain, `sourceFailed` when they cannot be
    /// read.
    func read(_ count: Int) throws(UpdateCodingError) -> UnsafeRawBufferPointer
}
