// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Adds what earlier rounds left out (error feedback; Seide et al. 2014, Karimireddy et al. 2019):
///
///     p = update + e,   send C(p),   e = p - C(p);     refused: e = p
///
/// An error older than `maximumAgeRounds` is dropped: it was computed against a model that is long gone.
public struct ErrorFeedbackEncoder: StatefulEncoder {
    private let codec: any UpdateCodec
    private let maximumAgeRounds: Int
    /// The canonical specification.
    public let specification: String
    /// The error, under `error`.
    public private(set) var memory: EncoderMemory

    init(codec: any UpdateCodec, maximumAgeRounds: Int) {
        self.codec = codec
        self.maximumAgeRounds = maximumAgeRounds
        let kind = FeedbackKind.errorFeedback(maximumAgeRounds: maximumAgeRounds)
        self.specification = codec.specification + "+" + kind.specification
        memory = EncoderMemory(specification: self.specification)
    }

    /// Takes up a stored error.
    public mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    /// Codes the update with the error added.
    public mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        memory.settle(.refused)
        var corrected = update
        let age = memory.lastRound.map { round - $0 } ?? 0
        if maximumAgeRounds == 0 || age <= maximumAgeRounds {
            corrected.add(memory.vector("error", count: update.count))
        }
        let (bytes, decoded) = try codec.encodeAndDecode(corrected, layout: layout, seed: seed)
        let error = corrected.subtracting(decoded)
        memory.pending = .init(
            round: round,
            accepted: ["error": error.elements],
            refused: ["error": corrected.elements]
        )
        output.append(contentsOf: bytes)
    }

    /// Keeps the new error, or all that was to be sent.
    public mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}

extension UpdateCodec {
    /// Codes a vector and decodes it at once, to see what the other side will see.
    func encodeAndDecode(
        _ vector: ParameterVector,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> (bytes: [UInt8], decoded: ParameterVector) {
        let bytes = try encodeAll(vector, layout: layout, seed: seed)
        return (bytes, try decodeAll(bytes, layout: layout, seed: seed))
    }
}
