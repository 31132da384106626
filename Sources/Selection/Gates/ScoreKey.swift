// SPDX-License-Identifier: Apache-2.0

import Randomness

/// A score as a 64-bit number of the same order, with ties broken at random.
///
/// The upper 40 bits are those of the score: sign, exponent and 28 bits of its fraction, more than a `Float` has. The
/// lower 24 are drawn, so that of many equal scores (a vote of four passes has five values) a quantile lets through the
/// share that was asked for, not all or none.
enum ScoreKey {
    /// The bits that are drawn.
    static let tieMask: UInt64 = 0xFF_FFFF

    /// The key of a score that is not NaN.
    @inline(__always)
    static func key(_ score: Double, tie: UInt64) -> UInt64 {
        // Adding 0 turns -0 into 0, which equals it.
        let bits = (score + 0).bitPattern
        // Negative numbers order by falling magnitude: turn all bits; set the sign bit of the others.
        let ordered = bits >> 63 == 1 ? ~bits : bits | (1 << 63)
        return (ordered & ~tieMask) | (tie & tieMask)
    }

    /// The score of a key, to 28 bits of its fraction.
    static func score(_ key: UInt64) -> Double {
        let ordered = key & ~tieMask
        let bits = ordered >> 63 == 1 ? ordered & ~(1 << 63) : ~ordered
        return Double(bitPattern: bits)
    }
}
