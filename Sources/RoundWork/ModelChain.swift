// SPDX-License-Identifier: Apache-2.0

import Digest
package import ModelState
import Randomness
package import Rounds
import UpdateCoding

/// The coded parts that make what agents hold: an anchor, then changes (EF21-P; Gruntkowska, Tyurin, Richtarik 2023).
///
///     anchor: w = C(x);     then in every round: c = C(x - w), w += c
///
/// The model x itself stays exact, and what one change leaves out the next one brings. A part is coded once and sent to
/// all; an agent that holds an earlier w loads the parts after it, one that was long away the anchor and all after it.
/// All sides add in single precision, so their copies have the same bits.
struct ModelChain {
    private(set) var parts: [(part: ModelReference.Part, bytes: ByteSlice)]
    private(set) var replica: ParameterVector

    /// Codes a model as the next part of the chain before it, or as a new anchor.
    init(extending previous: JobModel?, by vector: ParameterVector, round: RoundNumber, recipe: JobRecipe) throws {
        let coding = recipe.specification.codec
        let isDue = (previous?.parts.count ?? 0) >= coding.anchorEvery
        if let previous, let held = previous.replica, !isDue {
            let change = vector.subtracting(held)
            let bytes = try CodedUpdate.bytes(
                change,
                codec: recipe.downlink,
                layout: recipe.layout,
                seed: JobModel.codingSeed(round)
            )
            let part = Self.part(round, bytes, coding.downlink)
            parts = previous.chain + [(part, bytes)]
            replica = held
            replica.add(try Self.decode(part, bytes, layout: recipe.layout))
        } else {
            guard let codec = recipe.anchor, let name = coding.anchor else {
                preconditionFailure("only jobs with anchors have chains")
            }
            let bytes = try CodedUpdate.bytes(
                vector,
                codec: codec,
                layout: recipe.layout,
                seed: JobModel.codingSeed(round)
            )
            let part = Self.part(round, bytes, name)
            parts = [(part, bytes)]
            replica = try Self.decode(part, bytes, layout: recipe.layout)
        }
    }

    private static func part(_ round: RoundNumber, _ bytes: ByteSlice, _ codec: String) -> ModelReference.Part {
        ModelReference.Part(round: round, digest: BlobDigest(hashing: bytes), byteCount: bytes.count, codec: codec)
    }

    /// What an agent holds after it loaded all parts.
    static func replica(
        _ parts: [(part: ModelReference.Part, bytes: ByteSlice)],
        layout: TensorLayout
    ) throws -> ParameterVector? {
        guard let anchor = parts.first else { return nil }
        var replica = try decode(anchor.part, anchor.bytes, layout: layout)
        for (part, bytes) in parts.dropFirst() { replica.add(try decode(part, bytes, layout: layout)) }
        return replica
    }

    /// The elements of one part.
    static func decode(
        _ part: ModelReference.Part,
        _ bytes: ByteSlice,
        layout: TensorLayout
    ) throws -> ParameterVector {
        let codec = try CodecRegistry.codec(part.codec)
        let source = MemoryByteSource(bytes.bytes, owner: bytes.owner)
        let decoder = try codec.makeDecoder(source, layout: layout, seed: JobModel.codingSeed(part.round))
        var vector = ParameterVector(zeros: layout.elementCount)
        try vector.withMutableElements { try decoder.decode(into: $0) }
        try decoder.finish()
        return vector
    }
}

/// Decodes the parts of models that arrive.
package enum ModelPart {
    /// The elements of a part whose bytes are all there.
    ///
    /// - Throws: `UpdateCodingError` where the bytes are not the codec's.
    package static func decode(
        _ part: ModelReference.Part,
        _ bytes: ByteSlice,
        layout: TensorLayout
    ) throws -> ParameterVector {
        try ModelChain.decode(part, bytes, layout: layout)
    }
}
