// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Codes a client's updates with a memory of earlier rounds.
///
/// **The agent** holds the memory and stores ``memory`` durably, in the same transaction as the coded update in its
/// outbox. **The coordinator** holds nothing, except under EF21, where it holds the ``DifferenceAggregate``.
///
/// Coding is in two steps, because an update counts only once the coordinator has accepted it:
///
///     encode(update)  ->  bytes; the change of the memory is kept aside as pending
///     settle(.accepted)   the pending change becomes the memory
///     settle(.refused)    the coordinator will never apply the bytes: the memory is as if nothing had been sent, and
///     what
///                         error feedback still owes includes the whole update
///
/// Offering the same bytes again needs neither. Coding a new update while one is pending settles the old one as
/// refused, so an agent must first learn the fate of its last update. A client that was absent keeps its memory as it
/// is; under EF21 both sides then still hold the same estimate, so nothing needs to be reset.
public protocol StatefulEncoder: Sendable {
    /// The canonical specification, with the wrapper.
    var specification: String { get }

    /// All that must survive a restart.
    var memory: EncoderMemory { get }

    /// Takes up a stored memory.
    ///
    /// - Throws: ``UpdateCodingError`` with code `malformed` when it belongs to another specification.
    mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError)

    /// Appends the coded update.
    ///
    /// - Parameters:
    ///   - update: the local change of this round; finite.
    ///   - layout: its tensors.
    ///   - seed: the seed that the coordinator decodes with.
    ///   - round: the round's number, for ages and warm-ups.
    /// - Throws: ``UpdateCodingError`` as the codec does; the memory is then unchanged.
    mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError)

    /// Tells the fate of the last coded update; without effect when none is pending.
    mutating func settle(_ outcome: EncodingOutcome)
}

/// What became of a coded update.
public enum EncodingOutcome: String, Sendable, Codable {
    /// The coordinator counted it.
    case accepted
    /// The coordinator refused it, or the round ended without it.
    case refused
    /// It never left the client and is made again: as if it had not been coded.
    case repeated
}

/// Codes without memory.
struct PlainEncoder: StatefulEncoder {
    private let codec: any UpdateCodec
    private(set) var memory: EncoderMemory

    var specification: String { codec.specification }

    init(codec: any UpdateCodec) {
        self.codec = codec
        memory = EncoderMemory(specification: codec.specification)
    }

    mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        try update.withElements { (elements) throws(UpdateCodingError) in
            try codec.encode(elements, layout: layout, seed: seed, into: &output)
        }
        memory.pending = .init(round: round, accepted: [:], refused: [:])
    }

    mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}
