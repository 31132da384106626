// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct JobMachineStorageTests {
    @Test func updateThatCannotBeJournaledIsNotAcknowledgedAndStaysWanted() {
        let all = agents(2)
        var job = JobDriver(.sample(agents: 2), agents: all)
        job.holds = { if case .accepted = $0 { true } else { false } }
        job.give(.begin)
        job.verify(all[0])
        job.give(.recordFailed(.accepted(all[0]), "no space"))
        #expect(job.accepts.isEmpty)
        #expect(job.refusals.map(\.1) == [.storageFailed])
        #expect(job.machine.standing(of: job.key(all[0])) == .wanted)
        job.holds = { _ in false }
        job.verify(all[0])
        #expect(job.accepts == [job.key(all[0])])
    }

    @Test(arguments: [JobRecord.roundStarted, .committed, .abandoned, .ended])
    func whatARoundCannotDoWithoutIsWrittenAgain(_ record: JobRecord) {
        let all = agents(2)
        let policy = RoundPolicy(quorum: 1, deadline: DurationText(.seconds(60)), belowQuorum: .abandon)
        var job = JobDriver(.sample(agents: 2, rounds: 1, round: policy), agents: all)
        job.holds = { $0 == record }
        job.give(.begin)
        if record == .abandoned { job.waitForDeadline() } else { for agent in all { job.verify(agent) } }
        #expect(job.held == [record])
        for _ in 0..<3 {
            job.give(.recordFailed(record, "no space"))
            #expect(job.machine.status.message.contains("no space"))
            job.held = []
            job.wait(JobMachine.storageRetry)
            #expect(job.held == [record])
        }
        job.holds = { _ in false }
        job.give(.recorded(record))
        if record == .roundStarted || record == .abandoned {
            for agent in all { job.verify(agent, attempt: record == .abandoned ? 2 : 1) }
        }
        #expect(job.hasEnded && job.machine.status.phase == .finished)
    }

    @Test func foldAndModelAreTriedAgainWhenTheDiskWasFull() {
        let all = agents(1)
        var job = JobDriver(.sample(agents: 1, rounds: 1), agents: all)
        job.holdsModels = true
        job.holdsFolds = true
        job.give(.begin)
        job.give(.modelFailed(.storageFailed, "no space"))
        job.holdsModels = false
        job.wait(JobMachine.storageRetry)
        job.verify(all[0])
        job.give(.foldFailed(.storageFailed, "no space"))
        #expect(!job.hasEnded)
        job.holdsFolds = false
        job.wait(JobMachine.storageRetry)
        #expect(job.hasEnded && job.machine.status.phase == .finished && job.folds.count == 2)
    }

    @Test func foldThatCannotWorkFailsTheJob() {
        let all = agents(1)
        var job = JobDriver(.sample(agents: 1), agents: all)
        job.holdsFolds = true
        job.give(.begin)
        job.verify(all[0])
        job.give(.foldFailed(.undecodable, "no such rule"))
        #expect(job.hasEnded && job.machine.status.phase == .failed && job.machine.status.message == "no such rule")
    }
}
