// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import Randomness

/// Cuts a vector into the blocks that are rotated on their own: powers of two from 2^6 to 2^13.
///
///     159010 = 19 x 8192 + 2048 + 1024 + 256 + 34 (padded to 64)
///
/// Whole blocks of 2^13 first; the rest falls apart into its binary digits, so that at most 63 zeros are padded.
struct RotationBlocks: Sendable {
    static let largest = 1 << 13
    static let smallest = 1 << 6

    let elementCount: Int

    /// The length, padding counted, of the block that begins at `start`.
    func length(at start: Int) -> Int {
        let rest = elementCount - start
        if rest >= Self.largest { return Self.largest }
        if rest < Self.smallest { return Self.smallest }
        return 1 << (Int.bitWidth - 1 - rest.leadingZeroBitCount)
    }

    /// Calls `body` with the start and padded length of each block.
    func visit<Failure: Error>(_ body: (_ start: Int, _ length: Int) throws(Failure) -> Void) throws(Failure) {
        var start = 0
        while start < elementCount {
            let length = length(at: start)
            try body(start, length)
            start += length
        }
    }
}

/// The rotation `x -> H (s * x)` of a block: random signs, then the Walsh-Hadamard transform without normalisation.
///
/// Applied twice in the other order, divided by the length, it gives the block back: `x = s * (H y) / n`.
struct SignedHadamard {
    private static let domain: UInt32 = 0x4544_454E
    private let key: UInt64
    private var signs: [UInt32]

    init(seed: Seed) {
        key = seed.deriving("rotation").value
        signs = [UInt32](repeating: 0, count: RotationBlocks.largest / 32)
    }

    /// The signs of coordinates `start ..<` start + length: bit (i mod 32) of word i / 32 of the Philox groups from
    /// start / 64 / 16 on. Every block draws fresh groups of 1024 bits, numbered by its start.
    private mutating func drawSigns(start: Int, length: Int) {
        // A group of 32 words serves 1024 coordinates; short blocks begin a group of their own at start / 64.
        let groups = max(length / 1024, 1)
        cc_philox(&signs, UInt64(start / 64), groups, key, Self.domain)
    }

    mutating func rotate(_ block: UnsafeMutablePointer<Float>, start: Int, length: Int) {
        drawSigns(start: start, length: length)
        cc_flip_signs(block, signs, length)
        cc_hadamard(block, length)
    }

    mutating func unrotate(_ block: UnsafeMutablePointer<Float>, start: Int, length: Int) {
        drawSigns(start: start, length: length)
        cc_hadamard(block, length)
        cc_flip_signs(block, signs, length)
    }
}
