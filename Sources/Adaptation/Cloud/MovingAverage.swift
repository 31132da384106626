// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The exponential average of a vector over steps, without the pull of its first value:
///
///     s = a s + (1 - a) x;  average = s / (1 - a^t)
struct MovingAverage: Sendable {
    private let decay: Float
    private var sum: [Float]
    private var steps = 0

    init(count: Int, decay: Float) {
        self.decay = decay
        sum = [Float](repeating: 0, count: count)
    }

    mutating func add(_ values: [Float]) {
        steps += 1
        for index in sum.indices { sum[index] += (1 - decay) * (values[index] - sum[index]) }
    }

    /// The average; nil before the first value.
    var average: [Float]? {
        guard steps > 0 else { return nil }
        let weight = 1 - Glibc.powf(decay, Float(steps))
        return sum.map { $0 / weight }
    }
}
