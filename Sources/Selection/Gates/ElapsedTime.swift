// SPDX-License-Identifier: Apache-2.0

/// Turns the readings of a clock that may jump into time that only advances.
///
/// A step backwards, or a reading that is no number, counts as no time; a step forwards counts for `maximumStep` at
/// most. Either is a jump.
struct ElapsedTime: Sendable {
    let maximumStep: Double
    /// The time since the first reading, in seconds.
    private(set) var seconds = 0.0
    /// How often the clock jumped.
    private(set) var jumps = 0
    private var last: Double?

    init(maximumStep: Double) {
        self.maximumStep = maximumStep
    }

    /// Takes in a reading and gives the time since the first.
    mutating func advance(to reading: Double) -> Double {
        guard reading.isFinite else {
            jumps += 1
            return seconds
        }
        defer { last = reading }
        guard let last else { return seconds }
        let step = reading - last
        if step < 0 || step > maximumStep { jumps += 1 }
        seconds += min(max(step, 0), maximumStep)
        return seconds
    }
}
