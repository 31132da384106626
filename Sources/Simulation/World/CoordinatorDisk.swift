// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds

/// A coordinator's virtual disk.
///
/// What is written survives the death of the process; what is synced survives the loss of power.
final class CoordinatorDisk {
    /// The spool of one update.
    struct SpoolName: Hashable, Comparable {
        let key: UpdateKey
        let digest: BlobDigest

        static func < (left: SpoolName, right: SpoolName) -> Bool {
            if left.key != right.key { return left.key < right.key }
            return (left.digest.high, left.digest.low) < (right.digest.high, right.digest.low)
        }
    }

    struct Spool {
        var bytes: [UInt8] = []
        var syncedCount = 0
    }

    /// The model of a committed round.
    struct CheckpointName: Hashable, Comparable {
        let job: JobID
        let round: RoundNumber

        static func < (left: CheckpointName, right: CheckpointName) -> Bool {
            left.job != right.job ? left.job < right.job : left.round < right.round
        }
    }

    struct Checkpoint {
        var model: ParameterVector
        /// What the round leaves beside its model.
        var state: [UInt8] = []
        /// Whether there is such a state at all, as the model's own metadata tell.
        var hadState = false
        var isSynced = false
    }

    /// Tells that the disk is full.
    struct FullError: Error {}

    private(set) var journal: [JournalEntry] = []
    /// The journal's entries that are on stable storage.
    private(set) var syncedEntries = 0
    private(set) var spools: [SpoolName: Spool] = [:]
    private(set) var checkpoints: [CheckpointName: Checkpoint] = [:]
    /// Batches of samples; each is synced before it is spoken of.
    private(set) var samples: [SampleKey: [UInt8]] = [:]
    /// Whether there is no space left.
    var isFull = false

    // MARK: - The journal

    func append(_ entries: [JournalEntry]) throws(FullError) {
        guard !isFull else { throw FullError() }
        journal += entries
    }

    func syncJournal() { syncedEntries = journal.count }

    /// Removes a job's entries from a position on, as recovery does with what cannot be trusted.
    func cutJournal(of job: JobID, from position: Int) {
        journal = journal[..<position] + journal[position...].filter { $0.job != job }
        syncedEntries = min(syncedEntries, position)
    }

    /// Loses the journal's last entry.
    func dropLastEntry() {
        guard journal.popLast() != nil else { return }
        syncedEntries = min(syncedEntries, journal.count)
    }

    // MARK: - Spools

    /// The bytes that a spool holds.
    func heldBytes(_ name: SpoolName) -> Int { spools[name]?.bytes.count ?? 0 }

    func append(_ bytes: UnsafeRawBufferPointer, to name: SpoolName) throws(FullError) {
        guard !isFull else {
            // The last page took some of it: the write was short.
            spools[name, default: Spool()].bytes += bytes.prefix(bytes.count / 2)
            throw FullError()
        }
        spools[name, default: Spool()].bytes += bytes
    }

    func syncSpool(_ name: SpoolName) {
        let count = heldBytes(name)
        spools[name]?.syncedCount = count
    }

    func removeSpools(where isUnwanted: (UpdateKey) -> Bool) {
        for name in spools.keys where isUnwanted(name.key) { spools[name] = nil }
    }

    // MARK: - Samples

    func store(_ key: SampleKey, _ bytes: [UInt8]) throws(FullError) {
        guard !isFull else { throw FullError() }
        samples[key] = bytes
    }

    func removeSamples(where isUnwanted: (SampleKey) -> Bool) {
        for key in samples.keys where isUnwanted(key) { samples[key] = nil }
    }

    // MARK: - Checkpoints

    func write(_ model: ParameterVector, state: [UInt8] = [], to name: CheckpointName) throws(FullError) {
        guard !isFull else { throw FullError() }
        checkpoints[name] = Checkpoint(model: model, state: state, hadState: !state.isEmpty)
    }

    func syncCheckpoint(_ name: CheckpointName) { checkpoints[name]?.isSynced = true }

    func removeCheckpoints(of job: JobID, before round: RoundNumber) {
        for name in checkpoints.keys where name.job == job && name.round < round { checkpoints[name] = nil }
    }

    /// Brings everything to stable storage.
    func syncAll() {
        for name in spools.keys { syncSpool(name) }
        for name in checkpoints.keys { syncCheckpoint(name) }
        syncJournal()
    }

    // MARK: - The loss of power

    /// Loses what was not synced, in part: a first part may have reached the disk, the last write may be torn.
    func losePower(_ generator: inout SeededGenerator) {
        let unsynced = journal.count - syncedEntries
        if unsynced > 0 { journal.removeLast(generator.below(unsynced + 1)) }
        syncedEntries = min(syncedEntries, journal.count)
        for name in spools.keys.sorted() {
            guard var spool = spools[name], spool.bytes.count > spool.syncedCount else { continue }
            let kept = spool.syncedCount + generator.below(spool.bytes.count - spool.syncedCount + 1)
            // The file's length reached the disk before its data did: zeros where data should be.
            let isTorn = generator.below(2) == 0
            let length = isTorn ? spool.bytes.count : kept
            spool.bytes.removeLast(spool.bytes.count - kept)
            spool.bytes += [UInt8](repeating: 0, count: length - kept)
            spool.syncedCount = min(spool.syncedCount, length)
            spools[name] = spool
        }
        for name in checkpoints.keys.sorted() where checkpoints[name]?.isSynced == false {
            switch generator.below(4) {
            case 0: checkpoints[name] = nil
            case 3:
                // The file beside it may be torn where the model is whole.
                if let count = checkpoints[name]?.state.count, count > 0 {
                    checkpoints[name]?.state.removeLast(1 + generator.below(count))
                }
            case 1:
                if let count = checkpoints[name]?.model.count, count > 0 {
                    checkpoints[name]?.model[count - 1] = -12_345
                }
            default: break
            }
        }
    }
}
