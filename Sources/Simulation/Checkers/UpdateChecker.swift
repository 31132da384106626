// SPDX-License-Identifier: Apache-2.0

import Rounds

/// I1 and I2: an acknowledged update is in its round's commit exactly once, or the round visibly does not count.
enum UpdateChecker {
    static func check(_ journal: JournalReading, _ history: History, report: (String) -> Void) {
        for problem in journal.problems { report(problem) }
        for key in history.acknowledged.sorted() where !journal.isSettled(key) {
            report("I1: \(key) was acknowledged, but its round was committed without it")
        }
        var seen: Set<UpdateKey> = []
        for commit in journal.commits {
            if commit.record.updateCount != commit.updates.count {
                report(
                    "I1: round \(commit.record.round) says it has \(commit.record.updateCount) updates; "
                        + "the journal accepted \(commit.updates.count)"
                )
            }
            for update in commit.updates where !seen.insert(update.key).inserted {
                report("I2: \(update.key) is in two commits")
            }
        }
    }
}
