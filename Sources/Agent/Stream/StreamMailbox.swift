// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop
import Rounds

/// What the loop hands to the stream's thread.
final class StreamMailbox: @unchecked Sendable {
    // Sendable: everything is used under the lock only, but for the semaphore, which is made for it.

    private let lock = Lock()
    private let bell = DispatchSemaphore(value: 0)
    private var pushes: [AdaptationPush] = []
    private var refused: [SampleVerdict] = []
    private var receipts: [PurgeReceipt] = []
    private var isStopped = false

    func add(_ push: AdaptationPush) {
        lock.withLock { pushes.append(push) }
        bell.signal()
    }

    func add(refused verdict: SampleVerdict) {
        lock.withLock { refused.append(verdict) }
        bell.signal()
    }

    func add(_ receipt: PurgeReceipt) {
        lock.withLock { receipts.append(receipt) }
        bell.signal()
    }

    func stop() {
        lock.withLock { isStopped = true }
        bell.signal()
    }

    var isClosed: Bool { lock.withLock { isStopped } }

    /// Takes out everything.
    func take() -> (pushes: [AdaptationPush], refused: [SampleVerdict], receipts: [PurgeReceipt]) {
        lock.withLock {
            defer { (pushes, refused, receipts) = ([], [], []) }
            return (pushes, refused, receipts)
        }
    }

    /// Waits until something may be there, at most so long.
    func wait(atMost limit: Duration) {
        let (seconds, attoseconds) = limit.components
        let nanoseconds = max(0, seconds) * 1_000_000_000 + max(0, attoseconds) / 1_000_000_000
        _ = bell.wait(timeout: .now() + .nanoseconds(Int(clamping: nanoseconds)))
    }
}
