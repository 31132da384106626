// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// A codec under a wrapper with client memory, as the coordinator sees it: the bytes are the inner codec's.
///
/// Encoding with this value alone is encoding with an empty memory.
public struct FeedbackCodec: UpdateCodec {
    /// The codec whose bytes travel.
    public let base: any UpdateCodec
    let kind: FeedbackKind

    /// `ecdq:bits=2+ef21`.
    public var specification: String { base.specification + "+" + kind.specification }

    /// Whether a decoded update is the change of the client's estimate rather than the update: true under EF21, where
    /// the coordinator adds it to the ``DifferenceAggregate``.
    public var sendsDifferences: Bool { kind == .differences }

    /// Appends the inner codec's bytes.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        try base.encode(vector, layout: layout, seed: seed, into: &output)
    }

    /// Begins decoding the inner codec's bytes.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try widest.makeDecoder(source, layout: layout, seed: seed)
    }

    /// The inner codec's; unknown while a warm-up changes the fraction.
    public func encodedByteCount(layout: TensorLayout) -> Int? {
        if case .momentumCorrection(_, let warmUp) = kind, warmUp > 0 { return nil }
        if case .adaptive = kind { return nil }
        return base.encodedByteCount(layout: layout)
    }

    /// The inner codec's; during a warm-up the largest fraction's, under an adaptive rate the highest rate's.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int { widest.maximumEncodedByteCount(layout: layout) }

    /// The inner codec with the largest updates that the wrapper may send. All its settings decode the same bytes.
    private var widest: any UpdateCodec {
        switch kind {
        case .momentumCorrection(_, let warmUp):
            guard warmUp > 0, let sparse = base as? any SparseFractionCodec else { return base }
            return sparse.withFraction(max(sparse.fraction, MomentumCorrectionEncoder.firstFraction))
        case .adaptive(let bounds):
            guard let dithered = base as? DitheredCodec else { return base }
            return DitheredCodec(target: .bits(bounds.maximumBits), scale: dithered.scale)
        case .errorFeedback, .differences: return base
        }
    }
}
