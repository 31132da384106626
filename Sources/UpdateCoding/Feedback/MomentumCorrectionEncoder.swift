// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Deep gradient compression's memory (Lin, Han, Mao, Wang, Dally, ICLR 2018): momentum is applied before the choice,
/// and both momentum and accumulated change are cleared where a coordinate was sent.
///
///     u = m u + update,   v = v + u,   send C(v);     where sent: u = v = 0     (momentum factor masking)
///
/// During the warm-up the fraction falls from 0.25 in equal ratios, 0.25, 0.063, 0.015, ... for four steps, to the
/// codec's own. Only for sparse codecs. A refused update leaves u and v as if nothing had been sent.
public struct MomentumCorrectionEncoder: StatefulEncoder {
    static let firstFraction = 0.25

    private let codec: any SparseFractionCodec
    private let momentum: Double
    private let warmUpRounds: Int
    /// The canonical specification.
    public let specification: String
    /// u under `momentum`, v under `accumulated`.
    public private(set) var memory: EncoderMemory

    init(
        codec: any UpdateCodec,
        momentum: Double,
        warmUpRounds: Int
    ) throws(UpdateCodingError) {
        guard let sparse = codec as? any SparseFractionCodec else {
            throw UpdateCodingError(.unknownCodec, "codec '\(codec.specification)+dgc': dgc wraps topk or stc only")
        }
        self.codec = sparse
        self.momentum = momentum
        self.warmUpRounds = warmUpRounds
        let kind = FeedbackKind.momentumCorrection(momentum: momentum, warmUpRounds: warmUpRounds)
        self.specification = codec.specification + "+" + kind.specification
        memory = EncoderMemory(specification: self.specification)
    }

    /// Takes up stored momentum.
    public mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    /// The share of coordinates that round `round` (from 0) sends: 0.25 (f / 0.25)^(s / 4), s = 0, 1, 2, 3, then f.
    func fraction(round: Int) -> Double {
        guard round < warmUpRounds, codec.fraction < Self.firstFraction else { return codec.fraction }
        // A fourth root is two square roots, the same on every machine.
        let ratio = (codec.fraction / Self.firstFraction).squareRoot().squareRoot()
        let step = max(round, 0) * 4 / warmUpRounds
        return (0..<step).reduce(Self.firstFraction) { fraction, _ in fraction * ratio }
    }

    /// Codes the accumulated change.
    public mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        memory.settle(.refused)
        var velocity = memory.vector("momentum", count: update.count)
        velocity.scale(by: Float(momentum))
        velocity.add(update)
        var accumulated = memory.vector("accumulated", count: update.count)
        accumulated.add(velocity)
        let unsent = ["momentum": velocity.elements, "accumulated": accumulated.elements]
        let sparse = codec.withFraction(fraction(round: round))
        let (bytes, decoded) = try sparse.encodeAndDecode(accumulated, layout: layout, seed: seed)
        decoded.withElements { sent in
            velocity.withMutableElements { velocity in
                accumulated.withMutableElements { accumulated in
                    for index in sent.indices where sent[index] != 0 {
                        velocity[index] = 0
                        accumulated[index] = 0
                    }
                }
            }
        }
        memory.pending = .init(
            round: round,
            accepted: ["momentum": velocity.elements, "accumulated": accumulated.elements],
            refused: unsent
        )
        output.append(contentsOf: bytes)
    }

    /// Clears what was sent, or nothing.
    public mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}
