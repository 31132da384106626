// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Simulation

struct VirtualClockTests {
    @Test func eventsRunInTheOrderOfTheirTimesThenOfTheirScheduling() {
        let clock = VirtualClock()
        var generator = SeededGenerator(seed: Seed(4))
        var expected: [(Int, Int)] = []
        var seen: [(Int, Int)] = []
        for number in 0..<2_000 {
            let time = generator.below(50)
            expected.append((time, number))
            clock.schedule(after: .milliseconds(time)) { seen.append((time, number)) }
        }
        while clock.runNext() {}
        expected.sort { $0 < $1 }
        #expect(seen.count == expected.count && zip(seen, expected).allSatisfy { $0 == $1 })
    }

    @Test func timeJumpsToTheEventAndNeverBack() {
        let clock = VirtualClock()
        var times: [Instant] = []
        clock.schedule(after: .seconds(3_600)) {
            times.append(clock.now)
            clock.schedule(at: .start) { times.append(clock.now) }
            clock.schedule(after: .seconds(-5)) { times.append(clock.now) }
        }
        while clock.runNext() {}
        #expect(times == Array(repeating: Instant(.seconds(3_600)), count: 3))
        #expect(!clock.runNext())
    }

    @Test func timersNeverFireBeforeTheirTime() {
        let clock = VirtualClock()
        let deadline = Instant(.nanoseconds(5) + Duration(secondsComponent: 0, attosecondsComponent: 1))
        clock.schedule(at: deadline) {}
        _ = clock.runNext()
        #expect(clock.now >= deadline)
    }
}
