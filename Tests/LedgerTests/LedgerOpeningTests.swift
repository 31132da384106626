// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Rounds
import Testing

@testable import Ledger

@Suite struct LedgerOpeningTests {
    private func code(_ body: () throws -> Void) -> LedgerError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? LedgerError)?.code
        }
    }

    @Test func aFolderIsHeldByOneObjectOnly() throws {
        let folder = try TemporaryFolder()
        var first: StateFolder? = try StateFolder(path: folder.path + "/deep/state")
        #expect { try StateFolder(path: folder.path + "/deep/state") } throws: { error in
            let text = "\(error)"
            return (error as? LedgerError)?.code == .locked && text.contains("/deep/state")
                && text.contains("process \(getpid())")
        }
        withExtendedLifetime(first) {}
        first = nil
        _ = try StateFolder(path: folder.path + "/deep/state")
    }

    @Test func aProcessThatIsKilledHoldsNothing() throws {
        let folder = try TemporaryFolder()
        let process = Process()
        let output = Pipe()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "exec 9<>\"$0\"; flock -n 9 && echo $$ >&9 && echo ready && exec cat", "\(folder.path)/lock",
        ]
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        #expect(output.fileHandleForReading.readData(ofLength: 6) == Data("ready\n".utf8))
        #expect { try StateFolder(path: folder.path) } throws: {
            ($0 as? LedgerError)?.message.contains("process \(process.processIdentifier)") == true
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        _ = try StateFolder(path: folder.path)
    }

    @Test func aNewerJournalIsRefused() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        var ledger: Ledger? = try Ledger(in: state)
        try ledger?.queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2: later')") }
        ledger = nil
        #expect { try Ledger(in: state) } throws: {
            ($0 as? LedgerError)?.code == .newerSchema && "\($0)".contains("newer version")
        }
    }

    @Test func aFileThatIsNoJournalIsRefused() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        try Data(pattern(1, 20_000)).write(to: URL(fileURLWithPath: folder.path + "/ledger.sqlite"))
        #expect(code { _ = try Ledger(in: state) } == .corrupt)
        try FileManager.default.removeItem(atPath: folder.path + "/ledger.sqlite")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/ledger.sqlite",
            withIntermediateDirectories: true
        )
        #expect(code { _ = try Ledger(in: state) } == .accessDenied)
    }

    @Test func damageIsFoundAtTheFirstStartAfterAPowerFailure() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        var facts = LedgerFacts(seed: 8)
        var ledger: Ledger? = try Ledger(in: state, bootIdentifier: "one")
        #expect(ledger?.isFirstOpenSinceBoot == false)
        for _ in 0..<100 {
            let entries = facts.next()
            try ledger?.append(entries)
            facts.take(entries)
        }
        ledger = nil
        #expect(try Ledger(in: state, bootIdentifier: "one").isFirstOpenSinceBoot == false)
        // A start that ends before the repairs do counts as none.
        #expect(try Ledger(in: state, bootIdentifier: "two").isFirstOpenSinceBoot == true)
        do {
            let second = try Ledger(in: state, bootIdentifier: "two")
            #expect(second.isFirstOpenSinceBoot == true)
            try second.confirmIntact()
        }
        #expect(try Ledger(in: state, bootIdentifier: "two").isFirstOpenSinceBoot == false)
        let url = URL(fileURLWithPath: folder.path + "/ledger.sqlite")
        var bytes = try Data(contentsOf: url)
        // The trees of the tables begin on the pages after the schema's.
        for page in 2..<(bytes.count / 4_096) {
            bytes.replaceSubrange((page * 4_096)..<(page * 4_096 + 200), with: pattern(5, 200))
        }
        try bytes.write(to: url)
        #expect(code { _ = try Ledger(in: state, bootIdentifier: "three") } == .corrupt)
    }

    @Test func synchronizingFailsTypedAndWorksAgain() throws {
        let folder = try TemporaryFolder()
        let plan = FaultPlan(.once, at: 3)
        let state = try StateFolder(path: folder.path, files: plan.files())
        let ledger = try Ledger(in: state)
        try ledger.append([.submitted(JobID(1), JobSpecification())])
        var failures = 0
        for _ in 0..<4 {
            do { try ledger.synchronize() } catch { failures += 1 }
        }
        #expect(plan.wasReached)
        #expect(failures == 1)
        #expect(try ledger.recover().count == 1)
    }

    /// The only thing that counts after a failed fsync of the WAL is the database file itself.
    @Test func afterAFailedSynchronizeTheFactsGoToTheDatabaseFile() throws {
        let folder = try TemporaryFolder()
        let failures = FailOnce(.synchronize)
        let ledger = try Ledger(in: StateFolder(path: folder.path, files: FileCalls(hook: failures.hook)))
        var facts = LedgerFacts(seed: 4)
        for _ in 0..<50 {
            let entries = facts.next()
            try ledger.append(entries)
            facts.take(entries)
        }
        #expect(code { try ledger.synchronize() } == .inputOutput)
        try ledger.synchronize()
        let copy = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: ledger.path, toPath: copy.path + "/ledger.sqlite")
        #expect(try Ledger(in: StateFolder(path: copy.path)).recover() == facts.expected)
    }

    @Test func aLongWALGoesToTheDatabaseFileWhileFactsAreAppended() throws {
        let folder = try TemporaryFolder()
        let ledger = try Ledger(in: StateFolder(path: folder.path))
        let job = JobID(1)
        try ledger.append([.submitted(job, JobSpecification())])
        var round: UInt32 = 0
        func size(_ path: String) -> Int {
            ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
        }
        while size(ledger.path + "-wal") < Ledger.checkpointBytes {
            round += 1
            let cohort = (1...500).map { AgentID(number: $0, of: 500) }
            try ledger.append([
                .roundStarted(job, RoundNumber(round), attempt: 1, cohort: cohort),
                .roundAbandoned(job, RoundNumber(round), attempt: 1),
            ])
        }
        let before = size(ledger.path)
        try ledger.synchronize()
        #expect(size(ledger.path) > before)
        #expect(try ledger.recover().first?.abandonedAttempts == 1)
    }
}

/// Makes the first call of a kind fail.
final class FailOnce: @unchecked Sendable {
    // Safe: the tests that use it call from one thread.
    private let kind: FileCall.Kind
    private var isDone = false

    init(_ kind: FileCall.Kind) {
        self.kind = kind
    }

    var hook: FileCalls.Hook {
        { [self] call in
            guard call.kind == kind, !isDone else { return nil }
            isDone = true
            return FileFault(5)
        }
    }
}
