// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Ledger

/// Every call of the scenario fails once, and from every call on all fail, which leaves on disk what a killed process
/// leaves.
@Suite struct SpoolFaultTests {
    private static let size = 9_000

    @Test func heldBytesAreNeverMoreThanWereWrittenAndNeverFewerThanAcknowledged() throws {
        let runs = try FaultPlan.exhaust { plan, what in
            let folder = try TemporaryFolder()
            var acknowledged: [UpdateKey: Int] = [:]
            var attempted: [UpdateKey: Int] = [:]
            var wasReplaced = false
            let updates = (1...4 as ClosedRange<UInt64>).map {
                offer("a\($0 % 3)", round: 1, seed: $0, count: Self.size)
            }
            if let state = try? StateFolder(path: folder.path, files: plan.files()), let spool = try? Spool(in: state) {
                play(spool, updates, &acknowledged, &attempted)
                wasReplaced = true
            }
            let spool = try Spool(in: StateFolder(path: folder.path))
            for (index, update) in updates.enumerated() {
                let seed = UInt64(index + 1)
                // The last update has the key of the first: only one of the two can be held.
                guard spool.keys.contains(update.key), index > 0 || !wasReplaced else { continue }
                let held = try spool.open(update)
                #expect(held >= acknowledged[update.key] ?? 0, "\(what), \(update.key)")
                #expect(held <= attempted[update.key] ?? Self.size, "\(what), \(update.key)")
                if held > 0 {
                    let bytes = pattern(seed, Self.size)
                    let path = folder.path + "/spool/" + UpdateFileName.name(update.key)
                    let stored = try Data(contentsOf: URL(fileURLWithPath: path))
                    #expect(
                        Array(stored.dropFirst(4_096).prefix(held)) == Array(bytes[..<held]),
                        "\(what), \(update.key)"
                    )
                }
                try Array(pattern(seed, Self.size)[held...]).withUnsafeBytes { bytes in
                    if held < Self.size { try spool.append(update.key, offset: held, bytes) }
                }
                let source = try spool.reader(for: update)
                #expect(Array(try source.read(Self.size)) == pattern(seed, Self.size), "\(what)")
                withExtendedLifetime(source) {}
            }
            for (key, count) in acknowledged where count > 0 {
                #expect(spool.keys.contains(key), "\(what): \(key) is lost")
            }
        }
        #expect(runs > 100)
    }

    /// Uploads in pieces, continues, discards and recycles; a step that fails is skipped, as the coordinator goes on
    /// with others.
    private func play(
        _ spool: Spool,
        _ updates: [UpdateOffer],
        _ acknowledged: inout [UpdateKey: Int],
        _ attempted: inout [UpdateKey: Int]
    ) {
        for (index, update) in updates.enumerated() {
            // Another digest under a key ends what was held under it, even if it cannot be begun.
            if index == 3 { acknowledged[update.key] = nil }
            guard var held = try? spool.open(update) else { continue }
            let bytes = pattern(UInt64(index + 1), Self.size)
            for piece in 1...3 {
                let end = piece * Self.size / 3
                if held >= end { continue }
                let isWritten: Void? = try? Array(bytes[held..<end]).withUnsafeBytes {
                    try spool.append(update.key, offset: held, $0)
                }
                guard isWritten != nil else {
                    spool.suspend(update.key)
                    guard let again = try? spool.open(update) else { break }
                    #expect(again == held, "a refused piece does not count")
                    held = again
                    continue
                }
                held = end
                acknowledged[update.key] = held
            }
            if index == 1, (try? spool.discard(update.key)) != nil {
                acknowledged[update.key] = nil
                // The same update again, as after damage on the way: what was held before must not come back.
                attempted[update.key] = 0
                guard (try? spool.open(update)) == 0 else { continue }
                attempted[update.key] = 100
                try? Array(bytes[..<100]).withUnsafeBytes { try spool.append(update.key, offset: 0, $0) }
            }
        }
    }
}
