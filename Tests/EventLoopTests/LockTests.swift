// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct LockTests {
        @Test func incrementsOfManyTasksAllCount() async {
            let shared = Shared(0)
            await withTaskGroup { group in
                for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { shared.update { $0 += 1 } } } }
            }
            #expect(shared.value == 80_000)
        }

        @Test func lockIsReleasedWhenTheBodyThrows() {
            let lock = Lock()
            #expect(throws: Refusal.self) { try lock.withLock { throw Refusal() } }
            #expect(lock.withLock { true })
        }
    }
}
