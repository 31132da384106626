// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The first page of a spool file: whose bytes follow, and how many of them were written.
///
///     0   "TRIBSPL1"        40    zero
///     8   digest, 2 words   64    bytes held, and a check of them that is bound to the digest
///     24  bytes in all      80    the same again
///     32  check of 0..<32   4096  the update's bytes
///
/// A file is written over by one update after another, so its length tells nothing. A count follows its bytes: whoever
/// is killed between the two has bytes that are not counted, never the reverse. The two counts are written in turn and
/// the larger valid one holds, so that a write that is cut short leaves the count of before. A count of an earlier
/// update does not pass the check of this one. Only a power failure, which can keep the count and lose the bytes,
/// leaves damage to the final check of the digest.
struct SpoolHeader: Equatable {
    static let byteCount = 96
    static let dataOffset = 4_096
    private static let magic: UInt64 = 0x314c_5053_4249_5254

    var digest: BlobDigest
    var updateBytes: Int
    var heldBytes: Int
    /// Which of the two counts is the current one, 0 or 1.
    private var slot = 0

    /// Reads a header; nil where it is damaged or none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        digest = BlobDigest(high: word(1), low: word(2))
        guard word(0) == Self.magic, word(4) == Self.mix([word(0), word(1), word(2), word(3)]),
            let total = Int(exactly: word(3))
        else { return nil }
        updateBytes = total
        heldBytes = 0
        for index in 0..<2 {
            let (count, check) = (word(8 + 2 * index), word(9 + 2 * index))
            guard let held = Int(exactly: count), held >= heldBytes, held <= total, check == self.check(of: count)
            else { continue }
            heldBytes = held
            slot = index
        }
    }

    init(digest: BlobDigest, updateBytes: Int, heldBytes: Int = 0) {
        self.digest = digest
        self.updateBytes = updateBytes
        self.heldBytes = heldBytes
    }

    /// The header's bytes, as a new file has them.
    var encoded: [UInt8] {
        let total = UInt64(updateBytes)
        let identity = [Self.magic, digest.high, digest.low, total]
        let words = identity + [Self.mix(identity), 0, 0, 0]
        return Self.bytes(words) + Self.bytes([UInt64(heldBytes), check(of: UInt64(heldBytes)), 0, 0])
    }

    /// Notes that more bytes are held: the bytes to be written for that, and where.
    ///
    /// The count of before stays beside them.
    mutating func advance(to count: Int) -> (bytes: [UInt8], offset: Int) {
        heldBytes = count
        slot = 1 - slot
        return (Self.bytes([UInt64(count), check(of: UInt64(count))]), 64 + 16 * slot)
    }

    private func check(of count: UInt64) -> UInt64 { Self.mix([count, digest.high, digest.low]) }

    private static func bytes(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    /// Mixes words so that any changed bit changes the result: the finaliser of SplitMix64 (Steele, Lea, Flood, 2014).
    private static func mix(_ words: [UInt64]) -> UInt64 {
        words.reduce(0x9e37_79b9_7f4a_7c15) { state, word in
            var value = (state ^ word) &+ 0x9e37_79b9_7f4a_7c15
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }
}
