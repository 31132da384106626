// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct LoopTimerTests {
        @Test func timersFireInTheOrderOfTheirDeadlines() async throws {
            try await withLoop { loop in
                let order = Shared<[Int]>([])
                let done = Eventually<Void>()
                try await loop.run {
                    let start = loop.now
                    let timers = [40, 10, 30, 20, 10].enumerated().map { index, delay in
                        let timer = loop.makeTimer {
                            order.update { $0.append(delay * 10 + index) }
                            if delay == 40 { done.fulfill(()) }
                        }
                        timer.arm(at: start.advanced(by: .milliseconds(delay)))
                        return timer
                    }
                    // Kept until all have fired.
                    loop.schedule(after: .seconds(30)) { _ = timers }
                }
                await done.value
                #expect(order.value == [101, 104, 203, 302, 400])
            }
        }

        @Test func timerIsNeverEarly() async throws {
            try await withLoop { loop in
                for microseconds in [0, 100, 999, 1_000, 1_001, 2_500] {
                    let elapsed = Eventually<Duration>()
                    try await loop.run {
                        let start = loop.now
                        loop.schedule(after: .microseconds(microseconds)) {
                            elapsed.fulfill(start.duration(to: loop.now))
                        }
                    }
                    #expect(await elapsed.value >= .microseconds(microseconds))
                }
            }
        }

        @Test func cancelledTimerDoesNotFire() async throws {
            try await withLoop { loop in
                let fired = Shared(0)
                let done = Eventually<Void>()
                try await loop.run {
                    let cancelled = loop.schedule(after: .milliseconds(5)) { fired.update { $0 += 1 } }
                    let disarmed = loop.makeTimer { fired.update { $0 += 1 } }
                    disarmed.arm(after: .milliseconds(5))
                    loop.makeTimer { fired.update { $0 += 1 } }.arm(after: .milliseconds(5))  // let go of at once
                    cancelled.cancel()
                    cancelled.cancel()
                    cancelled.arm(after: .zero)
                    disarmed.disarm()
                    loop.schedule(after: .milliseconds(20)) {
                        _ = disarmed
                        done.fulfill(())
                    }
                }
                await done.value
                #expect(fired.value == 0)
            }
        }

        @Test func rearmedTimerFiresOnceAtItsLastDeadline() async throws {
            try await withLoop { loop in
                let fired = Shared(0)
                let elapsed = Eventually<Duration>()
                let timer = try await loop.run {
                    let start = loop.now
                    let timer = loop.makeTimer {
                        fired.update { $0 += 1 }
                        elapsed.fulfill(start.duration(to: loop.now))
                    }
                    for delay in stride(from: 500, to: 1, by: -1) { timer.arm(after: .seconds(delay)) }
                    timer.arm(after: .milliseconds(1))
                    timer.arm(at: start.advanced(by: .milliseconds(15)))
                    return timer
                }
                #expect(await elapsed.value >= .milliseconds(15))
                try await loop.run { timer.cancel() }
                #expect(fired.value == 1)
            }
        }

        @Test func timerCanBeArmedFromItsOwnBody() async throws {
            try await withLoop { loop in
                let done = Eventually<Int>()
                try await loop.run {
                    let count = Shared(0)
                    let own = Shared<LoopTimer?>(nil)
                    let timer = loop.makeTimer {
                        let reached = count.update { value in
                            value += 1
                            return value
                        }
                        if reached == 5 {
                            own.value?.cancel()
                            own.update { $0 = nil }
                            done.fulfill(reached)
                        } else {
                            own.value?.arm(after: .zero)
                        }
                    }
                    own.update { $0 = timer }
                    timer.arm(after: .zero)
                }
                #expect(await done.value == 5)
            }
        }

        @Test func instantsSaturate() {
            let instant = MonotonicInstant(nanoseconds: 5)
            #expect(instant.advanced(by: .nanoseconds(7)).nanoseconds == 12)
            #expect(instant.advanced(by: .nanoseconds(-7)).nanoseconds == -2)
            #expect(instant.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
            #expect(instant.duration(to: MonotonicInstant(nanoseconds: 2)) == .nanoseconds(-3))
            #expect(instant.advanced(by: .init(secondsComponent: 0, attosecondsComponent: 1)).nanoseconds == 6)
        }
    }
}
