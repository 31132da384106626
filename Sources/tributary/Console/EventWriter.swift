// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop

/// Writes lines to standard output from a thread of its own: a reader that stops reading never stops the daemon.
final class EventWriter: @unchecked Sendable {
    // Sendable: the counters are used under the lock only.
    private static let limit = 10_000
    private let queue = DispatchQueue(label: "tributary.events")
    private let lock = Lock()
    private var waiting = 0
    private var dropped = 0

    /// Writes a line after those before it; drops it when too many wait.
    func write(_ line: String) {
        let isTaken = lock.withLock {
            guard waiting < Self.limit else {
                dropped += 1
                return false
            }
            waiting += 1
            return true
        }
        guard isTaken else { return }
        queue.async { [self] in
            let lost = lock.withLock {
                waiting -= 1
                defer { dropped = 0 }
                return dropped
            }
            Console.print(line)
            if lost > 0 { Console.print("{\"dropped_events\":\(lost)}") }
        }
    }
}
