// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing
import UpdateCoding

@testable import Ledger

@Suite struct SpoolTests {
    private func append(_ spool: Spool, _ offer: UpdateOffer, _ range: Range<Int>, seed: UInt64) throws {
        try Array(pattern(seed, offer.byteCount)[range]).withUnsafeBytes {
            try spool.append(offer.key, offset: range.lowerBound, $0)
        }
    }

    private func fill(_ spool: Spool, _ offer: UpdateOffer, seed: UInt64) throws {
        let held = try spool.open(offer)
        try append(spool, offer, held..<offer.byteCount, seed: seed)
    }

    private func contents(_ spool: Spool, _ offer: UpdateOffer) throws -> [UInt8] {
        let source = try spool.reader(for: offer)
        defer { withExtendedLifetime(source) {} }
        return Array(try source.read(offer.byteCount))
    }

    @Test func anUploadIsContinuedWhereItStopped() throws {
        let folder = try TemporaryFolder()
        let update = offer("site.a-1", seed: 1, count: 10_000)
        do {
            let spool = try Spool(in: StateFolder(path: folder.path))
            #expect(try spool.open(update) == 0)
            try append(spool, update, 0..<3_000, seed: 1)
            spool.suspend(update.key)
            #expect(throws: LedgerError.self) { try append(spool, update, 3_000..<4_000, seed: 1) }
            #expect(try spool.open(update) == 3_000)
            #expect(try spool.open(update) == 3_000)
            #expect(throws: LedgerError.self) { try append(spool, update, 2_000..<4_000, seed: 1) }
            try append(spool, update, 3_000..<7_000, seed: 1)
            #expect(throws: LedgerError.self) { try spool.reader(for: update) }
        }
        let spool = try Spool(in: StateFolder(path: folder.path))
        #expect(spool.keys == [update.key])
        #expect(try spool.open(update) == 7_000)
        try append(spool, update, 7_000..<10_000, seed: 1)
        #expect(try spool.open(update) == 10_000)
        #expect(try contents(spool, update) == pattern(1, 10_000))
        #expect(try spool.reader(for: AcceptedUpdate(update, norm: 1)).remainingByteCount == 10_000)
    }

    @Test func anotherDigestOrSizeBeginsAnew() throws {
        let folder = try TemporaryFolder()
        let spool = try Spool(in: StateFolder(path: folder.path))
        let first = offer("a", seed: 1, count: 10_000)
        try fill(spool, first, seed: 1)
        let second = offer("a", seed: 2, count: 10_000)
        #expect(try spool.open(second) == 0)
        #expect(throws: LedgerError.self) { try spool.reader(for: first) }
        try append(spool, second, 0..<10, seed: 2)
        #expect(try spool.open(offer("a", seed: 2, count: 10_001)) == 0)
        #expect(try spool.open(first) == 0)
        #expect(folder.names(in: "spool").count == 1, "one file was written over again and again")
    }

    @Test func aRecycledFileNeverCountsItsOldBytes() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        for seed in 1...20 as ClosedRange<UInt64> {
            // Also across restarts, and under the same key.
            let spool = try Spool(in: state)
            let update = offer(seed % 3 == 0 ? "a" : "b\(seed)", seed: seed, count: 50_000 - Int(seed) * 100)
            #expect(try spool.open(update) == 0)
            #expect(throws: LedgerError.self) { try spool.reader(for: update) }
            try append(spool, update, 0..<update.byteCount, seed: seed)
            #expect(try contents(spool, update) == pattern(seed, update.byteCount))
            try spool.discard(update.key)
            #expect(folder.names(in: "spool").count == 1)
        }
    }

    @Test func thePoolIsBounded() throws {
        let folder = try TemporaryFolder()
        let spool = try Spool(in: StateFolder(path: folder.path), recycling: RecyclingLimits(files: 3, bytes: 70_000))
        let updates = (1...9).map { offer("a\($0)", seed: UInt64($0), count: 20_000) }
        for (index, update) in updates.enumerated() { try fill(spool, update, seed: UInt64(index + 1)) }
        try spool.discardAll { $0 == updates[8].key }
        #expect(spool.keys == [updates[8].key])
        #expect(
            folder.names(in: "spool").count == 3,
            "two files of the pool, as three are too many bytes, and the one kept"
        )
        // A large file is not spent on a small update.
        let large = offer("large", seed: 99, count: 1_200_000)
        let other = try Spool(in: StateFolder(path: folder.path + "/other"))
        try fill(other, large, seed: 99)
        try other.discard(large.key)
        try fill(other, offer("small", seed: 98, count: 10), seed: 98)
        #expect(folder.names(in: "other/spool").count == 2)
    }

    @Test func discardingTakesWhatItNamesOnly() throws {
        let folder = try TemporaryFolder()
        let spool = try Spool(in: StateFolder(path: folder.path))
        let kept = [
            offer("a", round: 2, attempt: 1, seed: 1, count: 9), offer("a", job: 2, round: 1, seed: 1, count: 9),
        ]
        let gone = [
            offer("a", round: 2, attempt: 2, seed: 1, count: 9), offer("b", round: 2, attempt: 2, seed: 1, count: 9),
        ]
        let old = offer("a", round: 1, seed: 1, count: 9)
        for update in kept + gone + [old] { try fill(spool, update, seed: 1) }
        try spool.discard(job: JobID(1), round: RoundNumber(2), attempt: 2)
        #expect(spool.keys == (kept + [old]).map(\.key).sorted())
        try spool.discard(job: JobID(1), through: RoundNumber(1))
        #expect(spool.keys == kept.map(\.key).sorted())
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/spool/stray"))
        let again = try Spool(in: StateFolder(path: folder.path + "/x"))
        try again.discardAll { _ in false }
        #expect(again.keys == [])
    }

    @Test func damageToTheHeaderNeverMakesMoreHeld() throws {
        var header = SpoolHeader(digest: BlobDigest(high: 3, low: 4), updateBytes: 1_000)
        var bytes = header.encoded
        for count in [300, 700] {
            let progress = header.advance(to: count)
            bytes.replaceSubrange(progress.offset..<(progress.offset + 16), with: progress.bytes)
        }
        #expect(bytes.withUnsafeBytes { SpoolHeader($0) } == header)
        for index in 0..<bytes.count where index < 40 || index >= 64 {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                let found = damaged.withUnsafeBytes { SpoolHeader($0) }
                // The count of 700 is the first of the two.
                if index < 40 {
                    #expect(found == nil)
                } else {
                    #expect(found?.heldBytes == (index < 80 ? 300 : 700))
                }
            }
        }
        // The counts of another update's header are not this one's.
        let other = SpoolHeader(digest: BlobDigest(high: 3, low: 5), updateBytes: 1_000)
        let mixed = Array(other.encoded[..<64]) + bytes[64...]
        #expect(mixed.withUnsafeBytes { SpoolHeader($0) }?.heldBytes == 0)
    }

    @Test func aSourceHandsOutPiecesOfAnySize() throws {
        let folder = try TemporaryFolder()
        let spool = try Spool(in: StateFolder(path: folder.path))
        let update = offer("a", seed: 5, count: 2_000_000)
        let bytes = pattern(5, 2_000_000)
        try fill(spool, update, seed: 5)
        let source = try spool.reader(for: update)
        for size in [1, 3, 4_096, 70_001, 524_287, 524_289, 1_500_000, 2_000_000] {
            source.rewind()
            var position = 0
            while source.remainingByteCount >= size {
                #expect(isSame(try source.read(size), bytes, position))
                position += size
                if size < 4_096, position > 20_000 { break }
            }
            #expect(source.remainingByteCount == 2_000_000 - position)
            #expect { try source.read(2_000_001 - position) } throws: { ($0 as? UpdateCodingError)?.code == .truncated }
        }
        try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path + "/spool/" + folder.names(in: "spool")[0]))
            .truncate(atOffset: 5_000)
        let cut = try spool.reader(for: update)
        #expect { try cut.read(2_000_000) } throws: { ($0 as? UpdateCodingError)?.code == .sourceFailed }
    }

    private func isSame(_ found: UnsafeRawBufferPointer, _ bytes: [UInt8], _ start: Int) -> Bool {
        bytes.withUnsafeBytes { whole in
            guard let left = found.baseAddress, let right = whole.baseAddress else { return false }
            return memcmp(left, right + start, found.count) == 0
        }
    }

    @Test func readersKeepTheirBytesWhileTheSpoolGoesOn() throws {
        let folder = try TemporaryFolder()
        let spool = try Spool(in: StateFolder(path: folder.path))
        let first = offer("a", seed: 1, count: 600_000)
        try fill(spool, first, seed: 1)
        let expected = pattern(1, first.byteCount)
        let isWriting = OSFlag()
        DispatchQueue.concurrentPerform(iterations: 3) { worker in
            if worker == 0 {
                defer { isWriting.lower() }
                for seed in 2...7 as ClosedRange<UInt64> {
                    let update = offer("a", seed: seed, count: first.byteCount)
                    try? fill(spool, update, seed: seed)
                    try? spool.discard(update.key)
                    try? fill(spool, first, seed: 1)
                }
            } else {
                var whole = 0
                while isWriting.isUp {
                    guard let source = try? spool.reader(for: first) else { continue }
                    for start in stride(from: 0, to: first.byteCount, by: 120_000) {
                        let piece = try? source.read(120_000)
                        #expect(piece.map { isSame($0, expected, start) } == true)
                    }
                    whole += 1
                }
            }
        }
        #expect(try contents(spool, first) == expected)
    }
}

/// Tells other threads that something goes on.
final class OSFlag: @unchecked Sendable {
    // Safe: read and written under the lock only.
    private let lock = MutexLock()
    private var value = true

    var isUp: Bool { lock.withLock { value } }
    func lower() { lock.withLock { value = false } }
}
