// SPDX-License-Identifier: Apache-2.0

import Digest
import Ledger
import Logging
import ModelState
import RoundWork
import Rounds

/// Reads the journal at the start, and repairs what a power failure took.
///
/// The death of the process alone takes nothing. A power failure can take models and updates that were not synced yet
/// while the journal kept their facts: those facts are taken back, and the agents, which keep their updates until a
/// round is durable, offer them again.
struct StateRecovery {
    let ledger: Ledger
    let spool: Spool
    let checkpoints: CheckpointStore
    let logger: Logger

    func run() throws -> [RecoveredJob] {
        var jobs = try ledger.recover()
        if ledger.isFirstOpenSinceBoot {
            for job in jobs where !job.phase.isOver { try repair(job) }
            jobs = try ledger.recover()
            try ledger.confirmIntact()
            try ledger.synchronize()
        }
        let open = Dictionary(uniqueKeysWithValues: jobs.filter { !$0.phase.isOver }.map { ($0.job, $0) })
        let carried = Set(open.values.flatMap { ($0.open?.carried ?? []) + $0.carried }.map(\.key))
        // Updates of the open rounds stay, accepted or half received; everything else is over.
        try spool.discardAll { key in
            carried.contains(key) || open[key.job].map { $0.open?.round == key.round } ?? false
        }
        return jobs
    }

    private func repair(_ job: RecoveredJob) throws {
        var sound = RoundNumber.initial
        for committed in job.committed.reversed() where isSound(committed, of: job.job) {
            sound = committed.round
            break
        }
        if let last = job.committed.last, sound < last.round {
            logger.warning("\(job.job): the models after round \(sound) were lost with the power; going on from there")
            for committed in job.committed where committed.round > sound {
                try checkpoints.discard(job.job, committed.round)
            }
            try ledger.rollBack(job.job, to: sound)
        }
        guard let open = try ledger.recover().first(where: { $0.job == job.job })?.open else { return }
        let damaged = open.accepted.filter { !isSound($0) }.map(\.key)
        guard !damaged.isEmpty else { return }
        logger.warning("\(job.job): \(damaged.count) updates were lost with the power; their agents still have them")
        try ledger.withdraw(damaged)
    }

    private func isSound(_ committed: CommittedRound, of job: JobID) -> Bool {
        guard let checkpoint = try? checkpoints.load(job, committed.round) else { return false }
        if checkpoint.metadata[FoldWork.stateKey] == "beside" {
            guard let bytes = try? checkpoints.readState(job, committed.round),
                (try? PackedState(decoding: ByteSlice(copying: bytes))) != nil
            else { return false }
        }
        return BlobDigest(hashing: checkpoint.model.sharedBytes.bytes) == committed.modelDigest
    }

    private func isSound(_ update: AcceptedUpdate) -> Bool {
        guard let source = try? spool.reader(for: update) else { return false }
        let hasher = BlobHasher()
        while source.remainingByteCount > 0 {
            guard let bytes = try? source.read(min(source.remainingByteCount, 1 << 18)) else { return false }
            hasher.update(bytes)
        }
        return hasher.digest == update.digest
    }
}
