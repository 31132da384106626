// SPDX-License-Identifier: Apache-2.0

package import Aggregation
import Digest
import FoundationEssentials
import Learning
package import ModelState
package import Randomness
package import Rounds
import UpdateCoding

/// A model of a running job: its elements, what the strategy remembers with it, and its coded parts, which all
/// connections share.
package struct JobModel: Sendable {
    /// What the job's state machine is told of it.
    package let prepared: PreparedModel
    /// The elements, with the control variates where the job has them.
    package let vector: ParameterVector
    /// What the strategy remembers of the rounds up to this model.
    package let strategy: AggregationStrategy.State
    /// The coded parts, in the order of the reference's; those of fp32 are the elements themselves.
    package let parts: [ByteSlice]
    /// What agents that loaded all parts hold, in a job with anchors; nil in others.
    package let replica: ParameterVector?

    /// Codes a model for the way down.
    ///
    /// - Parameters:
    ///   - vector: the elements.
    ///   - round: the round that made it.
    ///   - recipe: the job's codecs.
    ///   - strategy: what the strategy remembers.
    ///   - previous: the model before it, whose parts go on in a job with anchors.
    ///   - known: the digest of the elements, where it was computed already.
    /// - Throws: `UpdateCodingError` when the downlink's codec cannot code the model.
    package init(
        _ vector: ParameterVector,
        round: RoundNumber,
        recipe: JobRecipe,
        strategy: AggregationStrategy.State = AggregationStrategy.State(),
        after previous: JobModel? = nil,
        modelDigest known: BlobDigest? = nil
    ) throws {
        if recipe.anchor == nil {
            let bytes = try CodedUpdate.bytes(
                vector,
                codec: recipe.downlink,
                layout: recipe.layout,
                seed: Self.codingSeed(round)
            )
            let codec = recipe.specification.codec.downlink
            let digest = codec == "fp32" ? known ?? BlobDigest(hashing: bytes) : BlobDigest(hashing: bytes)
            let part = ModelReference.Part(round: round, digest: digest, byteCount: bytes.count, codec: codec)
            try self.init(
                vector,
                recipe: recipe,
                strategy: strategy,
                chain: [(part, bytes)],
                replica: nil,
                modelDigest: codec == "fp32" ? digest : known
            )
        } else {
            let chain = try ModelChain(extending: previous, by: vector, round: round, recipe: recipe)
            try self.init(
                vector,
                recipe: recipe,
                strategy: strategy,
                chain: chain.parts,
                replica: chain.replica,
                modelDigest: known
            )
        }
    }

    private init(
        _ vector: ParameterVector,
        recipe: JobRecipe,
        strategy: AggregationStrategy.State,
        chain: [(part: ModelReference.Part, bytes: ByteSlice)],
        replica: ParameterVector?,
        modelDigest known: BlobDigest?
    ) throws {
        guard let last = chain.last?.part else { preconditionFailure("a model has a coded part") }
        prepared = PreparedModel(
            reference: ModelReference(last, after: chain.dropLast().map(\.part)),
            layout: recipe.layout,
            modelDigest: known ?? BlobDigest(hashing: vector.sharedBytes.bytes),
            updateBytes: recipe.updateBytes,
            learningRateFactor: try recipe.learningRateFactor(after: last.round, strategy),
            agentsRemember: recipe.agentsRemember
        )
        self.vector = vector
        self.strategy = strategy
        self.replica = replica
        parts = chain.map(\.bytes)
    }

    /// The parts with their bytes.
    var chain: [(part: ModelReference.Part, bytes: ByteSlice)] {
        Array(zip(prepared.reference.parts, parts))
    }

    /// The coded bytes of a part; nil where this model has none of that digest.
    package func bytes(of digest: BlobDigest) -> ByteSlice? {
        chain.first { $0.part.digest == digest }?.bytes
    }

    /// What agents train on once they loaded the model.
    ///
    /// - Throws: `UpdateCodingError` where the model's own coding cannot be decoded.
    package func heldByAgents(_ recipe: JobRecipe) throws -> ParameterVector {
        if let replica { return replica }
        guard prepared.reference.codec != "fp32", let bytes = parts.last else { return vector }
        return try ModelChain.decode(prepared.reference.last, bytes, layout: recipe.layout)
    }

    /// The initial model of a job.
    package static func initial(recipe: JobRecipe) throws -> JobModel {
        try JobModel(recipe.initialVector(), round: .initial, recipe: recipe)
    }

    /// The seed with which a round's model is coded; known to everyone who decodes it.
    package static func codingSeed(_ round: RoundNumber) -> Seed {
        Seed(UInt64(round.value)).deriving("downlink")
    }

    // MARK: - On disk

    private struct Words: Codable {
        struct Part: Codable {
            var round: UInt32
            var codec: String
        }
        struct State: Codable {
            var numbers: [String: Double]
            var flags: [String: [Bool]]

            init(_ state: AggregationState) {
                numbers = state.numbers
                flags = state.flags
            }

            var state: AggregationState {
                var state = AggregationState()
                state.numbers = numbers
                state.flags = flags
                return state
            }
        }
        var parts: [Part]
        var rule: State
        var optimizer: State
    }

    /// What a restarted coordinator needs beside the model's elements, to go on with the same bits.
    package var roundState: PackedState {
        var packed = PackedState()
        let chained = replica == nil ? [] : chain
        let words = Words(
            parts: chained.map { Words.Part(round: $0.part.round.value, codec: $0.part.codec) },
            rule: Words.State(strategy.rule),
            optimizer: Words.State(strategy.optimizer)
        )
        packed.texts["round"] = (try? JSONEncoder().encode(words)).map { String(decoding: $0, as: UTF8.self) }
        for (name, vector) in strategy.rule.vectors.sorted(by: { $0.key < $1.key }) {
            packed.add("rule/\(name)", vector)
        }
        for (name, vector) in strategy.optimizer.vectors.sorted(by: { $0.key < $1.key }) {
            packed.add("optimizer/\(name)", vector)
        }
        for (index, part) in chained.enumerated() { packed.add("part/\(index)", part.bytes) }
        return packed
    }

    /// Puts a model together again from its checkpoint and the state that lies beside it.
    ///
    /// - Throws: `PackedState.DamageError`, `UpdateCodingError`.
    package init(_ vector: ParameterVector, round: RoundNumber, recipe: JobRecipe, state packed: PackedState) throws {
        guard let text = packed.texts["round"], let words = try? JSONDecoder().decode(Words.self, from: Data(text.utf8))
        else { throw PackedState.DamageError(description: "a state file that is no round's") }
        var strategy = AggregationStrategy.State()
        strategy.rule = words.rule.state
        strategy.rule.vectors = packed.vectors(under: "rule/")
        strategy.optimizer = words.optimizer.state
        strategy.optimizer.vectors = packed.vectors(under: "optimizer/")
        guard recipe.anchor != nil else {
            try self.init(vector, round: round, recipe: recipe, strategy: strategy)
            return
        }
        var chain: [(part: ModelReference.Part, bytes: ByteSlice)] = []
        for (index, part) in words.parts.enumerated() {
            guard let bytes = packed.bytes("part/\(index)") else {
                throw PackedState.DamageError(description: "a state file without the model's part \(index)")
            }
            let reference = ModelReference.Part(
                round: RoundNumber(part.round),
                digest: BlobDigest(hashing: bytes),
                byteCount: bytes.count,
                codec: part.codec
            )
            chain.append((reference, bytes))
        }
        try self.init(
            vector,
            recipe: recipe,
            strategy: strategy,
            chain: chain,
            replica: try ModelChain.replica(chain, layout: recipe.layout),
            modelDigest: nil
        )
    }
}
