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
        let hasher = BlobHasher()
        let writer = try checkpoints.begin(
            job,
            round,
            layout: recipe.layout,
            metadata: [
                "job": "\(job)", "name": specification.name, "round": "\(round)", "seed": "\(specification.seed)",
                Self.stateKey: recipe.keepsRoundState ? "beside" : "none",
            ]
        )
        let (next, strategy) = try JobFold.run(
            updates,
            current: current,
            round: round,
            recipe: recipe,
            memory: spare
        ) { block in
            hasher.update(UnsafeRawBufferPointer(block))
            try writer.append(block)
        }
        let model = try JobModel(
            next,
            round: round,
            recipe: recipe,
            strategy: strategy,
            after: current,
            modelDigest: hasher.digest
        )
        if recipe.keepsRoundState {
            let state = model.roundState
            try checkpoints.writeState(job, round, byteCount: state.byteCount) { (append) throws(LedgerError) in
                try state.write(append)
            }
        }
        // The checkpoint's name tells that the round is complete, so the state comes first.
        try writer.finish()
        return model
    }

    /// The key of a checkpoint's metadata that tells whether a state lies beside it.
    static let stateKey = "state"
}
