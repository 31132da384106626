// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import Learning
import Ledger
import ModelState
import RoundWork
import Rounds

/// Folds a round: reads the spool, makes the next model, writes its checkpoint and hashes it, all in one pass.
struct FoldWork: Sendable {
    let job: JobID
    let round: RoundNumber
    let current: JobModel
    let recipe: JobRecipe
    let specification: JobSpecification
    let updates: SpooledUpdates
    let checkpoints: CheckpointStore
    let spare: SpareVector

    func run() throws -> JobModel {
        var next = spare.take(count: current.vector.count)
        let hasher = BlobHasher()
        let writer = try checkpoints.begin(
            job,
            round,
            layout: recipe.architecture.layout,
            metadata: [
                "job": "\(job)", "name": specification.name, "round": "\(round)", "seed": "\(specification.seed)",
            ]
        )
        try recipe.fold.fold(updates, current: current.vector, into: &next) { block in
            hasher.update(UnsafeRawBufferPointer(block))
            try writer.append(block)
        }
        try writer.finish()
        return try JobModel(
            next,
            round: round,
            recipe: recipe,
            specification: specification,
            modelDigest: hasher.digest
        )
    }
}
