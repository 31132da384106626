// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Learning
import ModelState
package import Rounds
package import UpdateCoding

/// What an agent remembers of one job: the state of client-side methods and of its codec.
///
/// The memory follows the updates that counted. A training prepares the next state beside the one before; which of the
/// two holds is settled when the next task tells which update counted last.
package struct ClientMemory: Sendable, Equatable {
    /// The update whose fate is open.
    package private(set) var last: CountedUpdate?
    /// The methods' state after that update.
    package private(set) var state = ClientState()
    /// The methods' state before it.
    private var previous = ClientState()
    /// The settings of the methods that made the state.
    package private(set) var settings: [String: Double] = [:]
    /// The codec's memory, with both outcomes of the open update in it.
    package private(set) var encoder: EncoderMemory?

    /// Creates an empty memory.
    package init() {}

    /// Learns which update counted last, before the next training.
    ///
    /// An agent may stop after its memory is stored and before its update is: then the update that is asked for is the
    /// open one, and is made again with the same bits.
    ///
    /// - Returns: what became of the open update.
    mutating func settle(counted: CountedUpdate?, asked: CountedUpdate) -> EncodingOutcome {
        let isCounted = last != nil && last == counted
        let isRepeated = !isCounted && last == asked
        if last != nil, !isCounted { state = previous }
        previous = ClientState()
        last = nil
        return isCounted ? .accepted : isRepeated ? .repeated : .refused
    }

    /// Keeps what a training made of the state, until its fate is known.
    mutating func keep(_ task: TrainTask, state next: ClientState, encoder: EncoderMemory?) {
        settings = task.training.settings
        previous = state
        state = next
        last = CountedUpdate(round: task.key.round, attempt: task.key.attempt)
        self.encoder = encoder
    }

    mutating func replaceEncoder(_ encoder: EncoderMemory) { self.encoder = encoder }

    // MARK: - On disk

    private struct Words: Codable {
        var round: UInt32?
        var attempt: UInt32?
        var settings: [String: Double]
        var encoder: EncoderMemory.Summary?
    }

    /// The memory as bytes.
    package var packed: PackedState {
        var packed = PackedState()
        let parts = encoder?.parts
        let words = Words(
            round: last?.round.value,
            attempt: last?.attempt,
            settings: settings,
            encoder: parts?.summary
        )
        packed.texts["memory"] = (try? JSONEncoder().encode(words)).map { String(decoding: $0, as: UTF8.self) }
        for (name, vector) in state.vectors.sorted(by: { $0.key < $1.key }) { packed.add("state/\(name)", vector) }
        for (name, vector) in previous.vectors.sorted(by: { $0.key < $1.key }) {
            packed.add("previous/\(name)", vector)
        }
        for (name, vector) in (parts?.vectors ?? [:]).sorted(by: { $0.key < $1.key }) {
            packed.add("encoder/\(name)", ParameterVector(vector))
        }
        return packed
    }

    /// Reads a memory.
    ///
    /// - Throws: `PackedState.DamageError`.
    package init(_ packed: PackedState) throws {
        guard let text = packed.texts["memory"],
            let words = try? JSONDecoder().decode(Words.self, from: Data(text.utf8))
        else { throw PackedState.DamageError(description: "a state file that is no agent's memory") }
        if let round = words.round { last = CountedUpdate(round: RoundNumber(round), attempt: words.attempt ?? 0) }
        settings = words.settings
        state.vectors = packed.vectors(under: "state/")
        previous.vectors = packed.vectors(under: "previous/")
        if let summary = words.encoder {
            encoder = EncoderMemory(summary, vectors: packed.vectors(under: "encoder/").mapValues(\.elements))
        }
    }
}
