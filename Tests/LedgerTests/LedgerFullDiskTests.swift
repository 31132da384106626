// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Rounds
import Testing

@testable import Ledger

@Suite struct LedgerFullDiskTests {
    /// Lets the database grow by one more page in each run, so that every page that the facts need is once the one too
    /// many.
    @Test func theSameLedgerGoesOnOnceThereIsRoom() throws {
        var failures = 0
        for extra in 0..<12 {
            let folder = try TemporaryFolder()
            let ledger = try Ledger(in: StateFolder(path: folder.path))
            try ledger.queue.inDatabase { database in
                let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
                try database.execute(sql: "PRAGMA max_page_count = \(pages + extra)")
            }
            var facts = LedgerFacts(seed: 77)
            for step in 0..<200 {
                let entries = facts.next()
                do {
                    try ledger.append(entries)
                } catch {
                    #expect(error.code == .diskFull && error.message.contains("free some space"))
                    failures += 1
                    #expect(try ledger.recover() == facts.expected, "nothing of a refused append is there")
                    try ledger.queue.inDatabase { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
                    try ledger.append(entries)
                }
                facts.take(entries)
                if step % 100 == 99 { #expect(try ledger.recover() == facts.expected) }
            }
        }
        #expect(failures >= 5)
    }

    /// A real disk of 2 MiB that is full: needs the right to mount one.
    @Test(.enabled(if: SmallDisk.isPossible))
    func aFullDiskRefusesAndRecoversWithoutARestart() throws {
        let disk = try SmallDisk(bytes: 2 << 20)
        let state = try StateFolder(path: disk.path + "/state")
        let ledger = try Ledger(in: state)
        let spool = try Spool(in: state)
        let outbox = try Outbox(in: state)
        var facts = LedgerFacts(seed: 5)
        let filler = disk.path + "/filler"
        try disk.fill(filler)
        var refused = 0
        for _ in 0..<3 {
            let entries = facts.next()
            do { try ledger.append(entries) } catch {
                #expect(error.code == .diskFull)
                refused += 1
                continue
            }
            facts.take(entries)
        }
        #expect(refused > 0)
        let update = offer("a", seed: 1, count: 100_000)
        let bytes = pattern(1, 100_000)
        #expect { try bytes.withUnsafeBytes { try outbox.store(update, bytes: $0) } } throws: {
            ($0 as? LedgerError)?.code == .diskFull
        }
        #expect {
            _ = try spool.open(update)
            try bytes.withUnsafeBytes { try spool.append(update.key, offset: 0, $0) }
        } throws: {
            ($0 as? LedgerError)?.code == .diskFull
        }
        #expect(outbox.list() == [])
        try FileManager.default.removeItem(atPath: filler)
        for _ in 0..<50 {
            let entries = facts.next()
            try ledger.append(entries)
            facts.take(entries)
        }
        try ledger.synchronize()
        #expect(try ledger.recover() == facts.expected)
        try bytes.withUnsafeBytes { try outbox.store(update, bytes: $0) }
        #expect(try spool.open(update) == 0)
        try bytes.withUnsafeBytes { try spool.append(update.key, offset: 0, $0) }
        let source = try spool.reader(for: update)
        #expect(Array(try source.read(100_000)) == bytes)
        withExtendedLifetime(source) {}
    }
}

/// A disk in memory that is soon full.
final class SmallDisk {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("tributary-disk-\(UUID().uuidString)").path

    static let isPossible: Bool = {
        guard let disk = try? SmallDisk(bytes: 1 << 20) else { return false }
        return FileManager.default.fileExists(atPath: disk.path)
    }()

    struct NotAllowed: Error {}

    init(bytes: Int) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            rmdir(path)
            throw NotAllowed()
        }
    }

    /// Writes a file until the disk takes no more.
    func fill(_ file: String) throws {
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        let page = [UInt8](repeating: 1, count: 4_096)
        while write(descriptor, page, page.count) == page.count {}
    }

    deinit {
        // MNT_DETACH: it goes even while files are open.
        umount2(path, 2)
        rmdir(path)
    }
}
