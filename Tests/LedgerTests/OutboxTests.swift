// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Ledger

@Suite struct OutboxTests {
    private func store(_ outbox: any UpdateOutbox, _ offer: UpdateOffer, seed: UInt64) throws {
        let bytes = pattern(seed, offer.byteCount)
        try outbox.store(offer) { (append) throws(LedgerError) in
            for start in stride(from: 0, to: bytes.count, by: 40_000) {
                try Array(bytes[start..<min(bytes.count, start + 40_000)]).withUnsafeBufferPointer {
                    (piece) throws(LedgerError) in
                    try append(UnsafeRawBufferPointer(piece))
                }
            }
        }
    }

    private func contents(_ outbox: any UpdateOutbox, _ key: UpdateKey) throws -> [UInt8] {
        let reader = try outbox.reader(of: key)
        return try reader.slice(offset: 0, count: reader.byteCount).array
    }

    private func outboxes(_ folder: TemporaryFolder) throws -> [any UpdateOutbox] {
        [try Outbox(in: StateFolder(path: folder.path)), MemoryOutbox()]
    }

    @Test func whatIsStoredIsListedAndRead() throws {
        let folder = try TemporaryFolder()
        for outbox in try outboxes(folder) {
            let first = offer("a", seed: 1, count: 100_000)
            let second = offer("a", round: 2, seed: 2, count: 0)
            try store(outbox, second, seed: 2)
            try store(outbox, first, seed: 1)
            #expect(outbox.list() == [first, second])
            let reader = try outbox.reader(of: first.key)
            #expect(reader.byteCount == 100_000)
            #expect(try reader.slice(offset: 99_990, count: 10).array == Array(pattern(1, 100_000)[99_990...]))
            let replaced = offer("a", seed: 3, count: 50)
            try pattern(3, 50).withUnsafeBytes { try outbox.store(replaced, bytes: $0) }
            #expect(try contents(outbox, first.key) == pattern(3, 50))
            // Who reads the update of before goes on reading it.
            #expect(try reader.slice(offset: 0, count: 100_000).array == pattern(1, 100_000))
            try outbox.forget(first.key)
            try outbox.forget(first.key)
            #expect(outbox.list() == [second])
            #expect { try outbox.reader(of: first.key) } throws: { ($0 as? LedgerError)?.code == .notFound }
        }
    }

    @Test func bytesThatAreNotThoseOfferedAreRefusedAndWhatWasStaysThere() throws {
        let folder = try TemporaryFolder()
        for outbox in try outboxes(folder) {
            let update = offer("a", seed: 1, count: 1_000)
            try store(outbox, update, seed: 1)
            for count in [999, 1_001] {
                #expect {
                    try pattern(2, count).withUnsafeBytes {
                        try outbox.store(offer("a", seed: 2, count: 1_000), bytes: $0)
                    }
                } throws: { ($0 as? LedgerError)?.code == .outOfOrder }
            }
            #expect(outbox.list() == [update])
            #expect(try contents(outbox, update.key) == pattern(1, 1_000))
        }
    }

    @Test func aSliceOutlivesItsUpdate() throws {
        let folder = try TemporaryFolder()
        for outbox in try outboxes(folder) {
            let update = offer("a", seed: 1, count: 300_000)
            try store(outbox, update, seed: 1)
            var reader: (any OutboxReader)? = try outbox.reader(of: update.key)
            let slices = try [0, 100_000, 200_000].compactMap { try reader?.slice(offset: $0, count: 100_000) }
            try outbox.forget(update.key)
            reader = nil
            try store(outbox, offer("b", seed: 2, count: 300_000), seed: 2)
            #expect(slices.flatMap(\.array) == pattern(1, 300_000))
        }
    }

    @Test(arguments: [nil, 0, 0.625, .nan, -.infinity] as [Double?])
    func everyFieldOfAnOfferSurvivesARestart(uncertainty: Double?) throws {
        let folder = try TemporaryFolder()
        var update = offer(
            String(repeating: "z", count: 128),
            job: .max,
            round: .max,
            attempt: .max,
            seed: 9,
            count: 10
        )
        update.codec = String(repeating: "ü", count: 2_000)
        update.weight = -0.0
        update.loss = .infinity
        update.trainingTime = Duration(secondsComponent: 5, attosecondsComponent: 7)
        update.steps = .max
        update.uncertainty = uncertainty
        do {
            let outbox = try Outbox(in: StateFolder(path: folder.path))
            try store(outbox, update, seed: 9)
        }
        let outbox = try Outbox(in: StateFolder(path: folder.path))
        let found = try #require(outbox.list().first)
        #expect(found.uncertainty?.bitPattern == uncertainty?.bitPattern)
        // What is no number equals nothing.
        update.uncertainty = found.uncertainty?.isNaN == true ? nil : found.uncertainty
        var comparable = found
        comparable.uncertainty = update.uncertainty
        #expect(comparable == update && outbox.list().count == 1)
        #expect(outbox.repairs == [])
        #expect(try contents(outbox, update.key) == pattern(9, 10))
    }

    @Test func damagedEntriesAreRemovedWithALine() throws {
        let folder = try TemporaryFolder()
        let updates = (1...4).map { offer("a\($0)", seed: UInt64($0), count: 500) }
        do {
            let outbox = try Outbox(in: StateFolder(path: folder.path))
            for (index, update) in updates.enumerated() { try store(outbox, update, seed: UInt64(index + 1)) }
        }
        let names = folder.names(in: "outbox").map { URL(fileURLWithPath: folder.path + "/outbox/" + $0) }
        var damaged = try Data(contentsOf: names[0])
        damaged[70] ^= 1
        try damaged.write(to: names[0])
        try Data(contentsOf: names[1]).dropLast().write(to: names[1])
        try FileManager.default.moveItem(
            at: names[2],
            to: names[2].deletingLastPathComponent().appendingPathComponent("x.update")
        )
        let outbox = try Outbox(in: StateFolder(path: folder.path))
        #expect(outbox.list() == [updates[3]])
        #expect(outbox.repairs.count == 3)
        #expect(folder.names(in: "outbox").count == 1)
    }

    @Test func anUpdateIsOnTheDiskBeforeItHasItsNameAndTheNameBeforeStoreReturns() throws {
        let folder = try TemporaryFolder()
        let plan = FaultPlan()
        let outbox = try Outbox(in: StateFolder(path: folder.path, files: plan.files()))
        let before = plan.calls.count
        try store(outbox, offer("a", seed: 1, count: 1_000), seed: 1)
        #expect(
            plan.calls[before...].map(\.kind) == [.open, .write, .write, .synchronize, .rename, .synchronizeFolder]
        )
    }

    @Test func atEveryFaultAnUpdateIsCompleteOrAbsent() throws {
        let offers = [
            offer("a", seed: 1, count: 5_000), offer("b", seed: 2, count: 5_000), offer("c", seed: 3, count: 4_000),
            offer("b", seed: 4, count: 6_000),
        ]
        let seeds: [BlobDigest: UInt64] = Dictionary(uniqueKeysWithValues: offers.map { ($0.digest, $0.digest.high) })
        let runs = try FaultPlan.exhaust { plan, what in
            let folder = try TemporaryFolder()
            var stored: [UpdateKey: UpdateOffer] = [:]
            var forgotten: Set<UpdateKey> = []
            if let state = try? StateFolder(path: folder.path, files: plan.files()), let outbox = try? Outbox(in: state)
            {
                for (index, offer) in offers.enumerated() {
                    if (try? store(outbox, offer, seed: offer.digest.high)) != nil { stored[offer.key] = offer }
                    guard index == 0, (try? outbox.forget(offer.key)) != nil else { continue }
                    forgotten.insert(offer.key)
                    stored[offer.key] = nil
                }
                let listed = outbox.list()
                for offer in listed {
                    #expect(try contents(outbox, offer.key) == pattern(offer.digest.high, offer.byteCount), "\(what)")
                }
            }
            let outbox = try Outbox(in: StateFolder(path: folder.path))
            let listed = Dictionary(uniqueKeysWithValues: outbox.list().map { ($0.key, $0) })
            #expect(outbox.repairs == [], "\(what)")
            for (key, offer) in listed {
                let seed = try #require(seeds[offer.digest])
                #expect(try contents(outbox, key) == pattern(seed, offer.byteCount), "\(what)")
                #expect(!forgotten.contains(key), "\(what)")
            }
            // A newer update under the key may be there although its last step failed.
            for (key, offer) in stored { #expect(listed[key] == offer || listed[key] == offers[3], "\(what): \(key)") }
            try store(outbox, offer("d", seed: 7, count: 5_000), seed: 7)
            #expect(try contents(outbox, offer("d", seed: 7, count: 5_000).key) == pattern(7, 5_000))
        }
        #expect(runs > 60)
    }
}
