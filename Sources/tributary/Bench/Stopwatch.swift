// SPDX-License-Identifier: Apache-2.0

/// Measures wall time.
enum Stopwatch {
    /// The shortest of several runs, in seconds.
    static func best(of runs: Int = 3, _ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        var best = Double.infinity
        for _ in 0..<runs {
            let begin = clock.now
            try body()
            best = min(best, Format.number(clock.now - begin))
        }
        return best
    }
}
