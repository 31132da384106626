// SPDX-License-Identifier: Apache-2.0

import Rounds

/// I5: after a crash the state is the last commit or the next, never between.
///
/// Only a loss of power may take back what was visible, and nothing that was durable.
struct RecoveryChecker {
    let history: History
    let jobs: [RecoveredJob]
    let lostPower: Bool

    func check(report: (String) -> Void) {
        for (job, round) in history.durable.sorted(by: { $0.key < $1.key }) where recoveredRound(of: job) < round {
            report("I5: round \(round) of \(job) was durable; the crash left round \(recoveredRound(of: job))")
        }
        for commit in history.visible {
            let recovered = jobs.first { $0.job == commit.job }?.committed.first { $0.round == commit.round }
            if let recovered {
                if recovered.modelDigest != commit.model {
                    report("I5: round \(commit.round) of \(commit.job) has another model after the crash")
                }
            } else if !lostPower {
                report("I5: round \(commit.round) of \(commit.job) was committed and is gone without a loss of power")
            }
        }
        for job in jobs {
            let last = history.visible.last { $0.job == job.job }?.round ?? .initial
            if recoveredRound(of: job.job) > last.next {
                report("I5: \(job.job) is at round \(recoveredRound(of: job.job)) after a crash in round \(last.next)")
            }
        }
        guard !lostPower else { return }
        for key in history.acknowledged.sorted() {
            guard let job = jobs.first(where: { $0.job == key.job }), let open = job.open, !job.phase.isOver,
                open.key(of: key.agent, key.job) == key, !open.accepted.contains(where: { $0.key == key })
            else { continue }
            report("I5: \(key) was acknowledged and is not accepted after a restart")
        }
    }

    private func recoveredRound(of job: JobID) -> RoundNumber {
        jobs.first { $0.job == job }?.committed.last?.round ?? .initial
    }
}
