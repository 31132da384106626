// SPDX-License-Identifier: Apache-2.0

import Ledger
import Messaging
import ModelState
import RoundWork
import Rounds

/// The models of the running job that agents may ask for: at most two of them in memory.
///
/// The newest two rounds are in memory only between the fold of a round and its commit. Once the round is committed,
/// the model before it gives its memory to the next fold; agents that still load it are served from its checkpoint.
struct ModelShelf {
    /// A model that left the memory.
    private enum Former {
        /// Its coded bytes are not its elements, and small.
        case coded(ModelReference, [ByteSlice])
        /// Its coded bytes are its elements, which its checkpoint has.
        case checkpoint(ModelReference, path: String)
        /// The initial model, which is made again.
        case initial(ModelReference, make: () throws -> JobModel)

        var reference: ModelReference {
            switch self {
            case .coded(let reference, _), .checkpoint(let reference, _), .initial(let reference, _): reference
            }
        }
    }

    /// The model of the last fold, committed or not.
    private(set) var newest: JobModel?
    /// The model before it, until the newest is committed.
    private var base: JobModel?
    private var former: Former?

    /// Puts the first model of a run on the shelf.
    mutating func begin(with model: JobModel) {
        newest = model
        base = nil
        former = nil
    }

    /// Puts the model of a fold on the shelf; the one before stays until the commit.
    mutating func add(_ model: JobModel) {
        base = newest
        newest = model
    }

    /// The newest model is committed: gives back the memory of the one before.
    ///
    /// - Parameters:
    ///   - path: where the checkpoint of the one before lies.
    ///   - makeInitial: makes the initial model again.
    mutating func commit(
        checkpoint path: (RoundNumber) -> String,
        makeInitial: @escaping () throws -> JobModel
    ) -> ParameterVector? {
        guard let replaced = base else { return nil }
        base = nil
        let reference = replaced.prepared.reference
        if reference.codec != "fp32" || replaced.replica != nil {
            former = .coded(reference, replaced.parts)
        } else if reference.round == .initial {
            former = .initial(reference, make: makeInitial)
        } else {
            former = .checkpoint(reference, path: path(reference.round))
        }
        return replaced.vector
    }

    /// Drops everything.
    mutating func clear() {
        self = ModelShelf()
    }

    /// The coded bytes of a model's part; nil where it is not on the shelf.
    func blob(_ digest: BlobDigest) throws -> (any BlobSource)? {
        for model in [newest, base] {
            if let bytes = model?.bytes(of: digest) { return MemoryBlob(bytes) }
        }
        guard let former, let index = former.reference.parts.firstIndex(where: { $0.digest == digest }) else {
            return nil
        }
        switch former {
        case .coded(_, let parts): return MemoryBlob(parts[index])
        case .checkpoint(_, let path): return try CheckpointBlob(path: path)
        case .initial(_, let make): return try make().bytes(of: digest).map { MemoryBlob($0) }
        }
    }
}
