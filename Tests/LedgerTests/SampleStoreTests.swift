// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Ledger

@Suite struct SampleStoreTests {
    private func key(_ agent: String, _ sequence: UInt64, job: UInt64 = 1) -> SampleKey {
        SampleKey(job: JobID(job), agent: AgentID(agent) ?? AgentID(number: 1, of: 1), sequence: sequence)
    }

    @Test func whatIsStoredIsListedReadAndRemoved() throws {
        let folder = try TemporaryFolder()
        let store = try SampleStore(in: StateFolder(path: folder.path))
        let keys = [key("a", 2), key("a", 10), key("b", 1), key("b", 1, job: 2)]
        for (index, key) in keys.enumerated() { try store.store(key, [UInt8](repeating: UInt8(index), count: 5)) }
        #expect(try store.list() == keys)
        #expect(try store.load(keys[1]) == [1, 1, 1, 1, 1])
        try store.store(keys[1], [9])
        #expect(try store.load(keys[1]) == [9])
        #expect(try store.remove(JobID(1), keys[0].agent, through: 9) == 1)
        #expect(try store.list() == Array(keys.dropFirst()))
        try store.remove(keys[2])
        try store.remove(keys[2])
        #expect { try store.load(keys[2]) } throws: { ($0 as? LedgerError)?.code == .notFound }
        try store.keepOnly([keys[3]])
        #expect(try store.list() == [keys[3]])
        #expect(try store.remove(JobID(9), keys[0].agent, through: 9) == 0)
    }

    @Test func whateverCallFailsWhatIsStoredIsWhole() throws {
        let runs = try FaultPlan.exhaust { plan, fault in
            let folder = try TemporaryFolder()
            var stored: [SampleKey] = []
            if let state = try? StateFolder(path: folder.path, files: plan.files()),
                let store = try? SampleStore(in: state)
            {
                for sequence in UInt64(1)...2 where (try? store.store(key("a", sequence), [1, 2, 3, 4])) != nil {
                    stored.append(key("a", sequence))
                }
            }
            let store = try SampleStore(in: StateFolder(path: folder.path))
            #expect(try Set(store.list()).isSuperset(of: stored), "\(fault)")
            for key in try store.list() { #expect(try store.load(key) == [1, 2, 3, 4], "\(fault)") }
        }
        #expect(runs > 30)
    }
}

@Suite struct AuditLogTests {
    @Test func linesAreChainedOverRestarts() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        do {
            let log = try AuditLog(in: state)
            try log.append([{ "first \($0)" }, { "second \($0)" }])
            #expect(log.count == 2)
        }
        var lines: [String] = []
        let log = try AuditLog(in: state) { lines.append($0) }
        #expect(lines == ["first ", "second \(AuditLog.digest(of: "first "))"])
        try log.append([{ "third \($0)" }])
        let text = try String(contentsOfFile: log.path, encoding: .utf8)
        #expect(text == (lines + ["third \(AuditLog.digest(of: lines[1]))"]).map { $0 + "\n" }.joined())
    }

    @Test func halfALineOfACrashIsCutOff() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        let path = "\(folder.path)/samples-audit.jsonl"
        try Data("whole\nhal".utf8).write(to: URL(filePath: path))
        let log = try AuditLog(in: state)
        #expect(log.count == 1)
        try log.append([{ "next \($0)" }])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "whole\nnext \(AuditLog.digest(of: "whole"))\n")
    }

    @Test func whateverCallFailsTheLogIsWhole() throws {
        let runs = try FaultPlan.exhaust { plan, fault in
            let folder = try TemporaryFolder()
            var written: [String] = []
            if let state = try? StateFolder(path: folder.path, files: plan.files()), let log = try? AuditLog(in: state)
            {
                for number in 0..<3 {
                    let text = String(repeating: "\(number)", count: 9 - 2 * number)
                    if (try? log.append([{ _ in text }])) != nil { written.append(text) }
                }
            }
            var lines: [String] = []
            _ = try AuditLog(in: StateFolder(path: folder.path)) { lines.append($0) }
            // A line that could neither be synced nor cut off may be there; none that was acknowledged is missing.
            #expect(lines.filter(written.contains) == written, "\(fault): \(lines)")
            #expect(lines.allSatisfy { ["000000000", "1111111", "22222"].contains($0) }, "\(fault): \(lines)")
        }
        #expect(runs > 20)
    }
}
