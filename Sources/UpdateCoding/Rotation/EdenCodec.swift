// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState
public import Randomness

/// Rotates blocks at random and rounds each coordinate to a level of the optimal quantiser of the normal distribution
/// (EDEN; Vargaftik et al., ICML 2022; with one bit it is DRIVE, NeurIPS 2021).
///
/// For a block x of n coordinates, with y = H(s * x) and the rounded z = c(y sqrt(n) / |y|):
///
///     unbiased:      x' = s * H(z) S / n,   S = |y|^2 / <z, y>
///     least error:   x' = s * H(z) S / n,   S = <z, y> / |z|^2
///
/// The unbiased scale is for updates that are averaged, with a seed of its own for each client and round; the other for
/// models sent down and for error feedback. Every coded update of a layout has the same length: `bits` a coordinate and
/// 4 bytes a block. Fractional rates mix blocks of two widths: block i has one bit more exactly when
/// floor((i + 1) f) > floor(i f), f the fraction.
public struct EdenCodec: UpdateCodec {
    /// What the scale of a block minimises.
    public enum Scale: String, Sendable {
        /// The expectation of the decoded update is the update.
        case unbiased
        /// The squared error is least; the decoded update is shorter than the update.
        case leastError = "mse"
    }

    /// The rates that a specification may ask for.
    public static let bitRange = 1.0...8.0

    /// Bits a coordinate, 1 to 8, in steps of 1/64.
    public let bits: Double
    /// What the scales minimise.
    public let scale: Scale

    /// Creates the codec.
    ///
    /// - Precondition: `bits` lies in ``bitRange``; it is rounded to a multiple of 1/64.
    public init(bits: Double, scale: Scale = .unbiased) {
        precondition(Self.bitRange.contains(bits), "EDEN codes 1 to 8 bits a coordinate")
        self.bits = (bits * 64).rounded() / 64
        self.scale = scale
    }

    /// `eden:bits=2`, with `,scale=mse` for the least error.
    public var specification: String {
        "eden:bits=\(NumberText.text(bits))" + (scale == .unbiased ? "" : ",scale=\(scale.rawValue)")
    }

    func bits(ofBlock index: Int) -> Int {
        let units = Int(bits * 64)
        let extra = (index + 1) * (units % 64) / 64 - index * (units % 64) / 64
        return units / 64 + extra
    }

    /// Appends the blocks: a scale of 4 bytes and the packed codes each.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        guard let from = vector.baseAddress else { return }
        let encoder = EdenBlockEncoder(scale: scale, seed: seed)
        var index = 0
        try RotationBlocks(elementCount: vector.count).visit { (start, length) throws(UpdateCodingError) in
            let count = min(length, vector.count - start)
            try encoder.encode(
                UnsafeBufferPointer(start: from + start, count: count),
                start: start,
                length: length,
                bits: bits(ofBlock: index),
                into: &output
            )
            index += 1
        }
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try requireByteCount(source, maximumEncodedByteCount(layout: layout), codec: specification)
        let reader = EdenBlockReader(source: source, codec: self, elementCount: layout.elementCount, seed: seed)
        return BlockwiseDecoder(reader: reader, largestBlock: RotationBlocks.largest)
    }

    /// `bits` a coordinate and 4 bytes a block.
    public func encodedByteCount(layout: TensorLayout) -> Int? { maximumEncodedByteCount(layout: layout) }

    /// `bits` a coordinate and 4 bytes a block.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        var total = 0
        var index = 0
        RotationBlocks(elementCount: layout.elementCount).visit { _, length in
            total += 4 + length / 8 * bits(ofBlock: index)
            index += 1
        }
        return total
    }
}
