// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Codes with a rate that follows the information left in the client's updates: `ecdq:bits=2+adaptive`.
///
/// Two updates of a client that follow one another share what the data still say and differ by noise, so their cosine
/// estimates the coherence of ``AdaptivePrecision``:
///
///     E <u_t, u_(t-1)> = |s|^2 for u = s + noise,   coherence = max(0, <u_t, u_(t-1)>) / (|u_t| |u_(t-1)|)
///
/// Large common steps at the beginning are coded coarsely; once updates are mostly noise around a small common step,
/// more bits are spent, so that coding adds no more than its share. The bytes are the inner codec's: they say their
/// step, so a decoder needs no rate. Only what was accepted moves the rate.
public struct AdaptiveEncoder: StatefulEncoder {
    private let codec: DitheredCodec
    private let bounds: AdaptivePrecision.Bounds
    private let start: Double
    /// The canonical specification.
    public let specification: String
    /// The last accepted update under `previous`; the next rate under `bits`.
    public private(set) var memory: EncoderMemory

    init(codec: any UpdateCodec, bounds: AdaptivePrecision.Bounds) throws(UpdateCodingError) {
        start = try Self.startBits(of: codec)
        self.codec = DitheredCodec(target: .bits(start), scale: (codec as? DitheredCodec)?.scale ?? .unbiased)
        self.bounds = bounds
        specification = codec.specification + "+" + FeedbackKind.adaptive(bounds).specification
        memory = EncoderMemory(specification: specification)
    }

    /// The rate of an `ecdq` codec with `bits`; other codecs cannot change theirs.
    static func startBits(of codec: any UpdateCodec) throws(UpdateCodingError) -> Double {
        guard let dithered = codec as? DitheredCodec, case .bits(let bits) = dithered.target else {
            throw UpdateCodingError(
                .unknownCodec,
                "wrapper 'adaptive' goes with ecdq:bits=... only, not with '\(codec.specification)'"
            )
        }
        return bits
    }

    /// The rate of the next update, bits a coordinate.
    public var bits: Double { control.bits }

    private var control: AdaptivePrecision {
        AdaptivePrecision(bounds: bounds, startBits: memory.vectors["bits"]?.first.map(Double.init) ?? start)
    }

    /// Takes up a stored rate.
    public mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    /// Codes the update at the present rate and finds the next.
    public mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        memory.settle(.refused)
        var control = control
        let (bytes, decoded) = try DitheredCodec(target: .bits(control.bits), scale: codec.scale)
            .encodeAndDecode(update, layout: layout, seed: seed)
        let energy = update.squaredNorm
        if let previous = memory.vectors["previous"], previous.count == update.count, energy > 0 {
            let last = ParameterVector(previous)
            let common = max(update.dot(last), 0)
            let norms = (energy * last.squaredNorm).squareRoot()
            if norms > 0 {
                let error = decoded.subtracting(update).squaredNorm / energy
                control.observe(error: error, signal: common / norms)
            }
        }
        memory.pending = .init(
            round: round,
            accepted: ["previous": update.elements, "bits": [Float(control.bits)]],
            refused: memory.vectors
        )
        output.append(contentsOf: bytes)
    }

    /// Keeps the new rate, or the old one.
    public mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}
