// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

extension CoordinatorHost {
    /// Reads the disk as a new process does, and leaves behind only what can be trusted, on stable storage.
    ///
    /// 1. A commit whose model is damaged did not happen: its job's entries from there on go, and the round is combined
    ///    again.
    /// 2. An accepted update whose bytes are damaged is not accepted: the journal tells the open round anew without it.
    ///    Its agent still has it, because the round is not durable.
    func recover() -> [RecoveredJob] {
        if canary == .dropLastEntryOnRestart { disk.dropLastEntry() }
        if canary == .forgetSpoolOnRestart { disk.removeSpools { _ in true } }
        while let (job, position) = damagedCommit() { disk.cutJournal(of: job, from: position) }
        var jobs = replay()
        for job in jobs.keys.sorted() {
            guard let open = jobs[job]?.open, jobs[job]?.phase.isOver == false else { continue }
            let intact = open.accepted.filter { canary == .forgetSpoolOnRestart || isIntact($0) }
            guard intact.count < open.accepted.count else { continue }
            var entries = [
                JournalEntry.roundStarted(
                    job,
                    open.round,
                    attempt: open.attempt,
                    cohort: open.cohort,
                    carried: open.carried,
                    reasons: open.reasons
                )
            ]
            entries += intact.map { .accepted($0) }
            // Recovery rewrites in place of what it read, so it needs no new space.
            let isFull = disk.isFull
            disk.isFull = false
            try? disk.append(entries)
            disk.isFull = isFull
            for entry in entries { jobs[job]?.apply(entry) }
        }
        dropUnwantedSpools(jobs)
        let held = Set(jobs.values.flatMap { $0.samples.map(\.key) })
        for key in held where disk.samples[key] == nil {
            observer?.violation("S1: samples \(key) are in the journal and not on the disk")
        }
        disk.removeSamples { !held.contains($0) }
        disk.syncAll()
        let recovered = jobs.sorted { $0.key < $1.key }.map(\.value)
        observer?.recovered(recovered, journal: disk.journal)
        return recovered
    }

    private func replay() -> [JobID: RecoveredJob] {
        var jobs: [JobID: RecoveredJob] = [:]
        for entry in disk.journal {
            if case .submitted(let job, let specification) = entry {
                jobs[job] = RecoveredJob(job: job, specification: specification)
            }
            jobs[entry.job]?.apply(entry)
        }
        return jobs
    }

    /// A commit that is its job's last and whose model is not intact.
    private func damagedCommit() -> (JobID, Int)? {
        var last: [JobID: (position: Int, round: CommittedRound)] = [:]
        for (position, entry) in disk.journal.enumerated() {
            if case .roundCommitted(let job, let round) = entry { last[job] = (position, round) }
        }
        let damaged = last.filter { job, commit in
            let name = CoordinatorDisk.CheckpointName(job: job, round: commit.round.round)
            guard let checkpoint = disk.checkpoints[name] else { return true }
            if !checkpoint.hasWholeState { return true }
            return BlobDigest(hashing: checkpoint.model) != commit.round.modelDigest
        }
        return damaged.map { ($0.key, $0.value.position) }.min { $0.1 < $1.1 }
    }

    private func isIntact(_ update: AcceptedUpdate) -> Bool {
        let name = CoordinatorDisk.SpoolName(key: update.key, digest: update.digest)
        guard let bytes = disk.spools[name]?.bytes else { return false }
        return bytes.withUnsafeBytes { BlobDigest(hashing: $0) } == update.digest
    }

    private func dropUnwantedSpools(_ jobs: [JobID: RecoveredJob]) {
        disk.removeSpools { key in
            guard let job = jobs[key.job], !job.phase.isOver else { return true }
            if job.carried.contains(where: { $0.key == key }) { return false }
            return job.open.map { $0.key(of: key.agent, key.job) != key } ?? true
        }
    }
}

extension CoordinatorDisk.Checkpoint {
    /// Whether what lies beside the model is what was written: an empty state is that of a job that needs none.
    var hasWholeState: Bool {
        hadState ? (try? PackedState(decoding: ByteSlice(copying: state))) != nil : true
    }
}

extension JournalEntry {
    /// The job that the entry is about.
    var job: JobID {
        switch self {
        case .submitted(let job, _), .phase(let job, _, _), .roundStarted(let job, _, _, _, _, _),
            .roundAbandoned(let job, _, _), .roundCommitted(let job, _), .evaluated(let job, _, _):
            job
        case .accepted(let update): update.key.job
        case .refused(let key, _): key.job
        case .samplesKept(let samples): samples.key.job
        case .samplesPurged(let receipt): receipt.job
        }
    }
}
