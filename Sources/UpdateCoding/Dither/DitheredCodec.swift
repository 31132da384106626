// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Quantises with subtractive dither and codes the quotients with the entropy coder rANS (ECDQ; Ziv 1985, Zamir and
/// Feder 1992).
///
///     encode:  q = rint(x / step + u),   u uniform on [-1/2, 1/2), drawn from the seed for each coordinate
///     decode:  x' = (q - u) step
///
/// The error is uniform on +-step / 2 whatever x is: unbiased, of mean square step^2 / 12. One step serves all tensors,
/// which is the allocation of bits with the least squared error. Blocks of 64 coordinates fall in up to 15 classes of
/// scale and shape; a block's class and the bucket of u (16, folded to 8) pick the table of frequencies, which both
/// sides compute from 2 bytes a class. Blocks of zeros are sent as such, without error.
public struct DitheredCodec: UpdateCodec {
    /// What sets the step.
    public enum Target: Hashable, Sendable {
        /// A mean squared error relative to the vector's: step = sqrt(12 error) rms(x).
        case error(Double)
        /// Bits a coordinate on average, everything counted.
        case bits(Double)
    }

    /// How a quotient is turned back to a coordinate.
    public enum Scale: String, Sendable {
        /// The expectation of the decoded update is the update.
        case unbiased
        /// Each class is multiplied by variance / (variance + step^2 / 12), which has the least squared error (Wiener).
        case leastError = "mse"
    }

    /// The rates that a specification may ask for.
    public static let bitRange = 0.05...12.0
    /// The relative squared errors that a specification may ask for.
    public static let errorRange = 1e-8...10.0

    /// What sets the step.
    public let target: Target
    /// How quotients are turned back.
    public let scale: Scale

    /// Creates the codec.
    ///
    /// - Precondition: the target lies in ``bitRange`` or ``errorRange``.
    public init(target: Target, scale: Scale = .unbiased) {
        switch target {
        case .bits(let bits): precondition(Self.bitRange.contains(bits), "ECDQ codes 0.05 to 12 bits a coordinate")
        case .error(let error): precondition(Self.errorRange.contains(error), "a relative error lies in 1e-8 ... 10")
        }
        self.target = target
        self.scale = scale
    }

    /// `ecdq:bits=2` or `ecdq:error=0.1`, with `,scale=mse` for the least error.
    public var specification: String {
        let suffix = scale == .unbiased ? "" : ",scale=\(scale.rawValue)"
        switch target {
        case .bits(let bits): return "ecdq:bits=\(NumberText.text(bits))" + suffix
        case .error(let error): return "ecdq:error=\(NumberText.text(error))" + suffix
        }
    }

    /// Appends a header of the step and classes, and the chunks of 2^16 coordinates.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        let encoder = try DitheredEncoder(vector, codec: self, seed: seed)
        try encoder.encode(into: &output, limit: maximumEncodedByteCount(layout: layout))
    }

    /// Reads and checks the header.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        guard source.remainingByteCount <= maximumEncodedByteCount(layout: layout) else {
            throw UpdateCodingError(
                .trailingBytes,
                "an ecdq update of \(source.remainingByteCount) bytes is longer than any of this model"
            )
        }
        let reader = try DitheredReader(source: source, elementCount: layout.elementCount, seed: seed)
        return BlockwiseDecoder(reader: reader, largestBlock: DitheredFormat.blockElements)
    }

    /// With a budget: the budget and 3 %, or 256 bytes and 96 for each chunk more; with an error: that of plain floats.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        let chunks = (layout.elementCount + DitheredFormat.chunkElements - 1) / DitheredFormat.chunkElements
        let overhead = 256 + 96 * chunks
        switch target {
        case .bits(let bits): return Int(Double(layout.elementCount) * bits / 8 * 1.03) + overhead
        case .error: return layout.elementCount * 4 + overhead
        }
    }
}
