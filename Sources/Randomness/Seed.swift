// SPDX-License-Identifier: Apache-2.0

/// Names a stream of random numbers.
///
/// All randomness of a job descends from one seed: each use derives its own seed from the job's by a label and
/// numbers, so that draws do not depend on the order in which parts of the program run:
///
///     let selection = job.deriving("selection", 7)             // round 7
///     let training = job.deriving("train", "agent-3", 7)       // agent-3 in round 7
public struct Seed: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The seed's 64 bits.
    public var value: UInt64

    /// Creates a seed from its 64 bits.
    public init(_ value: UInt64) {
        self.value = value
    }

    /// The seed of a sub-stream for `label` and the given numbers; different arguments give unrelated streams.
    public func deriving(_ label: String, _ numbers: UInt64...) -> Seed {
        deriving(label: label, name: nil, numbers: numbers)
    }

    /// The seed of a sub-stream for `label`, a name (of an agent, a tensor, ...) and the given numbers.
    public func deriving(_ label: String, _ name: String, _ numbers: UInt64...) -> Seed {
        deriving(label: label, name: name, numbers: numbers)
    }

    /// Absorbs, in this order: the label's bytes, the name's bytes if there is a name, each number. Every part is
    /// closed by its length or a tag, so that ("ab", "c") and ("a", "bc") differ.
    private func deriving(label: String, name: String?, numbers: [UInt64]) -> Seed {
        var state = SplitMix64.mix(value &+ 0x9E37_79B9_7F4A_7C15)
        Self.absorb(label, into: &state)
        if let name { Self.absorb(name, into: &state) }
        for number in numbers {
            state = SplitMix64.mix(state ^ SplitMix64.mix(number &+ 0xD1B5_4A32_D192_ED03))
        }
        return Seed(state)
    }

    private static func absorb(_ text: String, into state: inout UInt64) {
        // FNV-1a over UTF-8, then mixed in together with the length.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var count: UInt64 = 0
        for byte in text.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            count += 1
        }
        state = SplitMix64.mix(state ^ SplitMix64.mix(hash ^ (count << 56)))
    }

    /// The seed as sixteen hexadecimal digits.
    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
