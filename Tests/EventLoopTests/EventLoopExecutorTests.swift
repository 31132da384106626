// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Glibc
import Testing

/// An actor on a loop, as the shells are.
private actor Counter {
    nonisolated let loop: EventLoop
    private var count = 0

    init(loop: EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func increment() -> Bool {
        count += 1
        return loop.isOnLoop
    }

    var value: Int { count }

    /// Suspends in the middle and tells whether both halves ran on the loop.
    func pause(for delay: Duration) async -> Bool {
        let before = loop.isOnLoop
        await withCheckedContinuation { continuation in
            loop.schedule(after: delay) { continuation.resume() }
        }
        return before && loop.isOnLoop
    }

    /// Counts timer ticks by calling itself straight from the loop's callback.
    func tick(_ times: Int, done: Eventually<Int>) {
        loop.schedule(after: .zero) {
            self.count += 1
            if times == 1 { done.fulfill(self.count) } else { self.tick(times - 1, done: done) }
        }
    }
}

extension EventLoopSuites {
    @Suite struct EventLoopExecutorTests {
        @Test func workFromManyThreadsRunsOnceEach() async throws {
            try await withLoop { loop in
                let total = Shared(0)
                let done = Eventually<Int>()
                let threads = 4
                let perThread = 5_000
                await withTaskGroup { group in
                    for _ in 0..<threads {
                        group.addTask {
                            for _ in 0..<perThread {
                                loop.execute {
                                    let reached = total.update { count in
                                        count += 1
                                        return count
                                    }
                                    if reached == threads * perThread { done.fulfill(reached) }
                                }
                            }
                        }
                    }
                }
                #expect(await done.value == threads * perThread)
            }
        }

        @Test func workOfOneThreadRunsInItsOrder() async throws {
            try await withLoop { loop in
                let order = Shared<[Int]>([])
                for index in 0..<3_000 { loop.execute { order.update { $0.append(index) } } }
                try await loop.run {}
                #expect(order.value == Array(0..<3_000))
            }
        }

        @Test func workGivenBeforeTheStartRunsAfterIt() async throws {
            let loop = EventLoop(name: "early")
            let ran = Eventually<Bool>()
            loop.execute { ran.fulfill(loop.isOnLoop) }
            try loop.start()
            #expect(await ran.value)
            loop.shutdown()
        }

        @Test func actorRunsOnItsLoop() async throws {
            try await withLoop { loop in
                let counter = Counter(loop: loop)
                for _ in 0..<100 { #expect(await counter.increment()) }
                #expect(await counter.value == 100)
                #expect(!loop.isOnLoop)
            }
        }

        @Test func continuationsStayOnTheLoopWhenTheTaskPrefersIt() async throws {
            try await withLoop { loop in
                let counter = Counter(loop: loop)
                let stayed = Task(executorPreference: loop) {
                    var stayed = loop.isOnLoop
                    for _ in 0..<50 {
                        let inside = await counter.pause(for: .zero)
                        stayed = stayed && inside && loop.isOnLoop
                        await Task.yield()
                        stayed = stayed && loop.isOnLoop
                    }
                    return stayed
                }
                #expect(await stayed.value)
            }
        }

        @Test func callbacksEnterTheActorWithoutAHop() async throws {
            try await withLoop { loop in
                let counter = Counter(loop: loop)
                let done = Eventually<Int>()
                await counter.tick(10, done: done)
                #expect(await done.value == 10)
                let assumed = Eventually<Bool>()
                loop.execute { assumed.fulfill(counter.assumeIsolated { _ in true }) }
                #expect(await assumed.value)
            }
        }

        @Test func busyTaskDoesNotStarveTimers() async throws {
            try await withLoop { loop in
                let stop = Shared(false)
                let busy = Task(executorPreference: loop) {
                    while !stop.value { await Task.yield() }
                }
                loop.execute { loop.schedule(after: .milliseconds(5)) { stop.update { $0 = true } } }
                await busy.value
            }
        }

        @Test func runPassesErrorsOn() async throws {
            try await withLoop { loop in
                await #expect(throws: Refusal.self) { try await loop.run { throw Refusal() } }
            }
        }

        @Test func threadHasTheNameOfTheLoop() async throws {
            try await withLoop { loop in
                let name = try await loop.run {
                    var text = [CChar](repeating: 0, count: 32)
                    guard let file = fopen("/proc/thread-self/comm", "r") else { return "" }
                    fgets(&text, 32, file)
                    fclose(file)
                    return String(decoding: text.prefix { $0 != 0 && $0 != 10 }.map { UInt8($0) }, as: UTF8.self)
                }
                #expect(name == "test-loop")
            }
        }
    }
}
