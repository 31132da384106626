// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Randomness
import Rounds
import Testing

@testable import Ledger

@Suite struct LedgerRecoveryTests {
    @Test(arguments: 1...4)
    func recoveryIsTheSumOfAllFactsWhereverTheProcessEnded(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        var facts = LedgerFacts(seed: seed)
        var generator = SeededGenerator(seed: Seed(seed ^ 0xff))
        var ledger: Ledger? = try Ledger(in: StateFolder(path: folder.path))
        for step in 0..<200 {
            let entries = facts.next()
            try ledger?.append(entries)
            facts.take(entries)
            if generator.below(20) == 0 {
                ledger = nil
                ledger = try Ledger(in: StateFolder(path: folder.path))
            }
            if step % 20 == 0 { #expect(try ledger?.recover() == facts.expected, "after \(step) facts") }
        }
        #expect(try ledger?.recover() == facts.expected)
        for job in facts.expected {
            let history = try #require(try ledger?.history(of: job.job))
            #expect(history.committed == job.committed)
            let open = history.selections.last { $0.round == job.open?.round }
            #expect(open?.cohort == job.open?.cohort && open?.reasons == job.open?.reasons)
            #expect(history.evaluations.last?.summary == job.evaluation?.summary)
        }
    }

    /// Cuts the WAL at every frame and within frames: recovery must see the facts of a whole number of transactions.
    @Test func aTornWriteLeavesWholeTransactions() throws {
        let folder = try TemporaryFolder()
        var facts = LedgerFacts(seed: 42)
        var states: [[RecoveredJob]] = [[]]
        let ledger = try Ledger(in: StateFolder(path: folder.path))
        for _ in 0..<40 {
            let entries = facts.next()
            try ledger.append(entries)
            facts.take(entries)
            states.append(facts.expected)
        }
        let database = try Data(contentsOf: URL(fileURLWithPath: ledger.path))
        let wal = try Data(contentsOf: URL(fileURLWithPath: ledger.path + "-wal"))
        let frame = 4_096 + 24
        var position = 0
        for (index, cut) in stride(from: 32 + frame, through: wal.count, by: frame / 2).enumerated() {
            let copy = try TemporaryFolder()
            try database.write(to: URL(fileURLWithPath: copy.path + "/ledger.sqlite"))
            try wal.prefix(cut + index % 3).write(to: URL(fileURLWithPath: copy.path + "/ledger.sqlite-wal"))
            let found = try Ledger(in: StateFolder(path: copy.path)).recover()
            let next = try #require(states[position...].firstIndex(of: found), "cut at \(cut): a state that never was")
            position = next
        }
        #expect(position == states.count - 1, "the whole WAL gives the last state")
    }

    @Test func aFactGivenAgainChangesNothing() throws {
        let folder = try TemporaryFolder()
        var facts = LedgerFacts(seed: 3)
        let ledger = try Ledger(in: StateFolder(path: folder.path))
        for _ in 0..<200 {
            let entries = facts.next()
            try ledger.append(entries)
            facts.take(entries)
            // Refusals are counted one by one.
            if case .refused = entries[0] { continue }
            try ledger.append(entries)
        }
        #expect(try ledger.recover() == facts.expected)
    }

    @Test func factsThatContradictTheJournalAreRefusedAndNothingIsWritten() throws {
        let folder = try TemporaryFolder()
        let ledger = try Ledger(in: StateFolder(path: folder.path))
        let job = JobID(1)
        let round = RoundNumber(1)
        try ledger.append([
            .submitted(job, JobSpecification()),
            .roundStarted(job, round, attempt: 1, cohort: [agent("a"), agent("b")]),
        ])
        let before = try ledger.recover()
        func accepted(_ round: UInt32, _ attempt: UInt32) -> JournalEntry {
            .accepted(AcceptedUpdate(offer("a", round: round, attempt: attempt, seed: 1, count: 5), norm: 1))
        }
        func commit(_ round: UInt32) -> JournalEntry {
            .roundCommitted(
                job,
                CommittedRound(
                    round: RoundNumber(round),
                    modelDigest: BlobDigest(high: 1, low: 2),
                    updates: [],
                    elapsed: .zero
                )
            )
        }
        let wrong: [JournalEntry] = [
            accepted(2, 1), accepted(1, 2), commit(2), .phase(JobID(9), .running, message: ""),
            .submitted(job, JobSpecification(name: "other")), .roundStarted(JobID(9), round, attempt: 1, cohort: []),
            .roundStarted(job, round, attempt: 1, cohort: [agent("b")]),
            .refused(UpdateKey(job: JobID(9), round: round, attempt: 1, agent: agent("a")), .notFinite),
        ]
        for entry in wrong {
            #expect { try ledger.append([.phase(job, .failed, message: "no"), entry]) } throws: {
                ($0 as? LedgerError)?.code == .contradiction
            }
            #expect(try ledger.recover() == before)
        }
    }

    @Test func aLostCommitIsRepeatedWithTheSameAttemptAndCohort() throws {
        let folder = try TemporaryFolder()
        let ledger = try Ledger(in: StateFolder(path: folder.path))
        let job = JobID(1)
        let cohort = [agent("a"), agent("b")]
        try ledger.append([.submitted(job, JobSpecification())])
        for number in 1...3 as ClosedRange<UInt32> {
            let round = RoundNumber(number)
            try ledger.append([
                .roundStarted(job, round, attempt: 1, cohort: cohort), .roundAbandoned(job, round, attempt: 1),
                .roundStarted(job, round, attempt: 2, cohort: cohort),
                .accepted(AcceptedUpdate(offer("a", round: number, attempt: 2, seed: 1, count: 5), norm: 1)),
                .roundCommitted(
                    job,
                    CommittedRound(round: round, modelDigest: BlobDigest(high: 1, low: 2), updates: [], elapsed: .zero)
                ),
                .evaluated(job, round, EvaluationSummary(sampleCount: 1)),
            ])
        }
        try ledger.append([.phase(job, .finished, message: "")])
        try ledger.rollBack(job, to: RoundNumber(3))
        #expect(try ledger.recover().first?.phase == .finished)
        try ledger.rollBack(job, to: RoundNumber(1))
        let found = try #require(try ledger.recover().first)
        #expect(found.committed.map(\.round) == [RoundNumber(1)])
        #expect(found.open == RecoveredJob.OpenRound(round: RoundNumber(2), attempt: 2, cohort: cohort))
        #expect(found.abandonedAttempts == 1)
        #expect(found.lastCommitted.map(\.agent) == [agent("a")])
        #expect(found.phase == .running)
        #expect(found.evaluation?.round == RoundNumber(1))
        // The round goes on as usual, and a lost upload is asked for again.
        let update = AcceptedUpdate(offer("b", round: 2, attempt: 2, seed: 1, count: 5), norm: 1)
        try ledger.append([.accepted(update)])
        #expect(try ledger.recover().first?.open?.accepted == [update])
        try ledger.withdraw([update.key])
        #expect(try ledger.recover().first?.open?.accepted == [])
        try ledger.rollBack(job, to: .initial)
        #expect(try ledger.recover().first?.committed == [])
        #expect(try ledger.recover().first?.lastCommitted == [])
    }
}
