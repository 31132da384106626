// SPDX-License-Identifier: Apache-2.0

import Rounds

/// I4: the rounds of a job strictly increase, one commit a round.
enum RoundChecker {
    /// Checks a commit against those that are visible.
    static func checkOrder(
        _ round: RoundNumber,
        of job: JobID,
        after visible: [History.Commit],
        report: (String) -> Void
    ) {
        let last = visible.last { $0.job == job }?.round ?? .initial
        if round != last.next { report("I4: round \(round) of \(job) was committed after round \(last)") }
    }

    /// Checks the journal at the end of a run.
    static func check(_ journal: JournalReading, report: (String) -> Void) {
        var last: [JobID: RoundNumber] = [:]
        for commit in journal.commits {
            let (job, round) = (commit.attempt.job, commit.attempt.round)
            if round != (last[job] ?? .initial).next {
                report("I4: the journal commits round \(round) of \(job) out of order")
            }
            last[job] = round
        }
        for (job, phase) in journal.ended where phase == .finished {
            let wanted = UInt32(journal.specifications[job]?.rounds ?? 0)
            if last[job]?.value != wanted {
                report("I4: \(job) finished with \(last[job]?.value ?? 0) of \(wanted) rounds")
            }
        }
    }
}
