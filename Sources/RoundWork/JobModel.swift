// SPDX-License-Identifier: Apache-2.0

import Digest
import Learning
package import ModelState
package import Randomness
package import Rounds
import UpdateCoding

/// A model of a running job: its elements, and its coded bytes, shared by all connections.
package struct JobModel: Sendable {
    /// What the job's state machine is told of it.
    package let prepared: PreparedModel
    /// The elements.
    package let vector: ParameterVector
    /// The coded bytes; those of fp32 are the elements themselves.
    package let coded: ByteSlice

    /// Codes a model for the way down.
    ///
    /// - Parameters:
    ///   - vector: the elements.
    ///   - round: the round that made it.
    ///   - recipe: the job's codecs.
    ///   - specification: the job.
    ///   - known: the digest of the elements, where it was computed already.
    /// - Throws: `UpdateCodingError` when the downlink's codec cannot code the model.
    package init(
        _ vector: ParameterVector,
        round: RoundNumber,
        recipe: JobRecipe,
        specification: JobSpecification,
        modelDigest known: BlobDigest? = nil
    ) throws {
        let (bytes, owner) = vector.sharedBytes
        let modelDigest = known ?? BlobDigest(hashing: bytes)
        var coded = ByteSlice(bytes, owner: owner)
        var digest = modelDigest
        if specification.codec.downlink != "fp32" {
            var output: [UInt8] = []
            try vector.withElements { elements in
                try recipe.downlink.encode(
                    elements,
                    layout: recipe.architecture.layout,
                    seed: Self.codingSeed(round),
                    into: &output
                )
            }
            coded = ByteSlice(copying: output)
            digest = BlobDigest(hashing: coded)
        }
        let reference = ModelReference(
            round: round,
            digest: digest,
            byteCount: coded.count,
            codec: specification.codec.downlink
        )
        prepared = PreparedModel(
            reference: reference,
            layout: recipe.architecture.layout,
            modelDigest: modelDigest,
            updateBytes: recipe.updateBytes
        )
        self.vector = vector
        self.coded = coded
    }

    /// The initial model of a job.
    package static func initial(recipe: JobRecipe, specification: JobSpecification) throws -> JobModel {
        let vector = recipe.architecture.initialParameters(seed: JobRecipe.initialSeed(specification))
        return try JobModel(vector, round: .initial, recipe: recipe, specification: specification)
    }

    /// The seed with which a round's model is coded; known to everyone who decodes it.
    package static func codingSeed(_ round: RoundNumber) -> Seed {
        Seed(UInt64(round.value)).deriving("downlink")
    }
}
