// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop
import Learning

/// Trains in the background on a fixed number of threads; whoever began something waits for its own result.
final class TrainerPool: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only.
    private let queue = DispatchQueue(label: "tributary.simulation.training", attributes: .concurrent)
    private let permits: DispatchSemaphore
    private let lock = Lock()
    private var idle: [LocalTrainer]
    private var running = 0
    private var busySince: ContinuousClock.Instant?
    private var busyTime = Duration.zero

    init(architecture: ModelArchitecture, threads: Int) {
        let count = threads > 0 ? threads : ProcessorCount.available
        idle = (0..<count).map { _ in LocalTrainer(model: architecture) }
        permits = DispatchSemaphore(value: count)
    }

    /// The wall time during which at least one thread worked.
    var busy: Duration { lock.withLock { busyTime } }

    /// Begins a piece of work; the closure that it gives waits for the result.
    func begin<Value: Sendable>(
        _ body: @escaping @Sendable (LocalTrainer) throws -> Value
    ) -> @Sendable () throws -> Value {
        let result = Pending<Value>()
        queue.async { [self] in
            permits.wait()
            let trainer = take()
            result.finish(Result { try body(trainer) })
            giveBack(trainer)
            permits.signal()
        }
        return { try result.wait() }
    }

    private func take() -> LocalTrainer {
        lock.withLock {
            running += 1
            if running == 1 { busySince = ContinuousClock().now }
            return idle.removeLast()
        }
    }

    private func giveBack(_ trainer: LocalTrainer) {
        lock.withLock {
            idle.append(trainer)
            running -= 1
            if running == 0, let since = busySince { busyTime += ContinuousClock().now - since }
        }
    }

    private final class Pending<Value: Sendable>: @unchecked Sendable {
        // Sendable: written before the group is left, read after it was waited for.
        private let group = DispatchGroup()
        private var result: Result<Value, any Error>?

        init() {
            group.enter()
        }

        func finish(_ result: Result<Value, any Error>) {
            self.result = result
            group.leave()
        }

        func wait() throws -> Value {
            group.wait()
            guard let result else { preconditionFailure("the result is there when the group was left") }
            return try result.get()
        }
    }
}
