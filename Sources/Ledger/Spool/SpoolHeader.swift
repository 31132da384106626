// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The first page of a spool file: whose bytes follow, and how many of them were written.
///
///     0   "TRIBSPL1"       32  check of the words before      64  bytes held
///     8   digest, 2 words  40  zero                           72  check of the bytes held, bound to the digest
///     24  bytes in all                                        4096  the update's bytes
///
/// A file is written over by one update after another, so its length tells nothing. The count follows the bytes: whoever is killed
/// between the two has bytes that are not counted, never the reverse. A count of an earlier update does not pass the check of this
/// one. Only a power failure, which can keep the count and lose the bytes, leaves damage to the final check of the digest.
struct SpoolHeader: Equatable {
    static let byteCount = 80
    static let progressOffset = 64
    static let dataOffset = 4_096
    private static let magic: UInt64 = 0x314c_5053_4249_5254

    var digest: BlobDigest
    var updateBytes: Int
    var heldBytes: Int

    /// Reads a header; nil where it is damaged or none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
        digest = BlobDigest(high: word(1), low: word(2))
        guard word(0) == Self.magic, word(4) == Self.mix([word(0), word(1), word(2), word(3)]),
            let total = Int(exactly: word(3))
        else { return nil }
        updateBytes = total
        heldBytes = 0
        // A count that fails its check was cut short: nothing is held then.
        if let held = Int(exactly: word(8)), held <= total, word(9) == Self.mix([word(8), word(1), word(2)]) { heldBytes = held }
    }

    init(digest: BlobDigest, updateBytes: Int, heldBytes: Int = 0) {
        self.digest = digest
        self.updateBytes = updateBytes
        self.heldBytes = heldBytes
    }

    /// The header's bytes.
    var encoded: [UInt8] {
        let total = UInt64(updateBytes)
        let identity = [Self.magic, digest.high, digest.low, total]
        let words = identity + [Self.mix(identity), 0, 0, 0]
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } } + progress
    }

    /// The bytes at ``progressOffset``.
    var progress: [UInt8] {
        let held = UInt64(heldBytes)
        let words = [held, Self.mix([held, digest.high, digest.low])]
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    /// Mixes words so that any changed bit changes the result (the finaliser of SplitMix64, Steele et al. 2014, chained).
    private static func mix(_ words: [UInt64]) -> UInt64 {
        words.reduce(0x9e37_79b9_7f4a_7c15) { state, word in
            var value = (state ^ word) &+ 0x9e37_79b9_7f4a_7c15
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }
}
