// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The thread that starts all processes.
///
/// The kernel ends a child "with its parent" when the thread that started it ends, and threads of a pool come and go.
final class SpawningThread: @unchecked Sendable {
    // Sendable: the queue is touched with the condition held only.
    static let shared = SpawningThread()

    private let condition = NSCondition()
    private var queue: [() -> Void] = []

    private init() {
        Thread { self.work() }.start()
    }

    private func work() -> Never {
        while true {
            condition.lock()
            while queue.isEmpty { condition.wait() }
            let next = queue.removeFirst()
            condition.unlock()
            next()
        }
    }

    /// Runs the body there and waits for it.
    func run(_ body: @escaping @Sendable () -> Int32) -> Int32 {
        let done = DispatchSemaphore(value: 0)
        let result = Box()
        condition.lock()
        queue.append {
            result.value = body()
            done.signal()
        }
        condition.signal()
        condition.unlock()
        done.wait()
        return result.value
    }

    private final class Box: @unchecked Sendable {
        // Sendable: written before the semaphore is signalled, read after.
        var value: Int32 = 0
    }
}
