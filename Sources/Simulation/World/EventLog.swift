// SPDX-License-Identifier: Apache-2.0

import Randomness

/// Condenses everything that happens in a virtual world to one number, so that two runs can be compared.
public final class EventLog {
    /// The number that stands for all events so far: equal for equal runs.
    public private(set) var hash: UInt64 = 0x243F_6A88_85A3_08D3
    /// The events so far.
    public private(set) var count = 0
    /// Takes a line for each event, for a person who looks for a fault; nil costs nothing.
    public var trace: ((String) -> Void)?

    private let clock: VirtualClock

    init(clock: VirtualClock) {
        self.clock = clock
    }

    /// Adds an event: who, what, and two words about it.
    func add(_ actor: UInt64, _ kind: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0) {
        count += 1
        hash = WordHash.mix(hash, UInt64(bitPattern: clock.nanoseconds), actor &* 64 &+ kind)
        hash = WordHash.mix(hash, first, second)
    }

    /// Hands a line to ``trace``.
    func note(_ text: @autoclosure () -> String) {
        guard let trace else { return }
        let milliseconds = clock.nanoseconds / 1_000_000
        trace("\(milliseconds)ms \(text())")
    }
}

/// Mixes words; fast and without any security.
enum WordHash {
    static func mix(_ state: UInt64, _ first: UInt64, _ second: UInt64) -> UInt64 {
        var word = (state ^ first) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 32) ^ second) &* 0xD6E8_FEB8_6659_FD93
        return word ^ (word >> 29)
    }

    static func of(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}
