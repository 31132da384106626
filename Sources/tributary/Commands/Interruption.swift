// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Notices SIGTERM and SIGINT, so that a command can end what it started.
final class Interruption: @unchecked Sendable {
    // Sendable: the flag is used under the lock only, the loop is set once.
    private let lock = Lock()
    private var happened = false
    private let loop = EventLoop(name: "signals")

    /// Whether the process was asked to end.
    var hasHappened: Bool { lock.withLock { happened } }

    /// Runs `body` at the first signal.
    func watch(_ body: @escaping @Sendable () -> Void) throws {
        try loop.start()
        Task { [self] in
            await StopSignal.wait(on: loop)
            lock.withLock { happened = true }
            body()
        }
    }
}
