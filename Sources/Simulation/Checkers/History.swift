// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds

/// What the shells saw in one run: the material of the checkers.
///
/// It is kept apart from every disk and outlives every crash.
final class History: WorldObserver {
    /// An update as its agent finished it.
    struct Production {
        let offer: UpdateOffer
        let delta: ParameterVector
    }

    /// A model that was called a round's model.
    struct Commit: Hashable {
        let job: JobID
        let round: RoundNumber
        let model: BlobDigest
    }

    /// Updates by the digest of their bytes.
    private(set) var productions: [UpdateKey: [BlobDigest: Production]] = [:]
    /// The updates that an agent was told count, and that no loss of power took back.
    private(set) var acknowledged: Set<UpdateKey> = []
    /// The commits that were visible since the last start.
    private(set) var visible: [Commit] = []
    /// The last round of each job that was called durable.
    private(set) var durable: [JobID: RoundNumber] = [:]
    private(set) var violations: [String] = []
    private(set) var crashes = 0
    private(set) var powerLosses = 0
    private var lostPower = false

    func produced(_ offer: UpdateOffer, delta: ParameterVector) {
        productions[offer.key, default: [:]][offer.digest] = Production(offer: offer, delta: delta)
    }

    func acknowledged(_ key: UpdateKey) {
        acknowledged.insert(key)
    }

    func committed(_ job: JobID, _ round: RoundNumber, model: BlobDigest) {
        RoundChecker.checkOrder(round, of: job, after: visible, report: violation)
        visible.append(Commit(job: job, round: round, model: model))
    }

    func durable(_ job: JobID, _ round: RoundNumber) {
        durable[job] = max(durable[job] ?? .initial, round)
    }

    func crashed(losingPower: Bool) {
        crashes += 1
        powerLosses += losingPower ? 1 : 0
        lostPower = lostPower || losingPower
    }

    func recovered(_ jobs: [RecoveredJob], journal: [JournalEntry]) {
        let checker = RecoveryChecker(history: self, jobs: jobs, lostPower: lostPower)
        checker.check(report: violation)
        if lostPower {
            // What was told and not yet durable may be taken back by a loss of power; the agent still has it.
            let ledger = JournalReading(journal)
            acknowledged = acknowledged.filter { key in
                if ledger.isSettled(key) { return true }
                // In buffered rounds the key does not tell where it counts; durable commits are checked as such.
                let isBuffered = ledger.specifications[key.job]?.round.mode == .buffered
                return !isBuffered && durable[key.job] ?? .initial >= key.round
            }
        }
        lostPower = false
        visible = jobs.flatMap { job in
            job.committed.map { Commit(job: job.job, round: $0.round, model: $0.modelDigest) }
        }
        for job in jobs {
            if let last = job.committed.last?.round { durable[job.job] = max(durable[job.job] ?? .initial, last) }
        }
    }

    func violation(_ text: String) {
        if violations.count < 20 { violations.append(text) }
    }
}
