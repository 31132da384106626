// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Runs one body on several threads at once, which meet at barriers between its phases.
final class WorkerTeam: @unchecked Sendable {
    // Safe: `failure` is guarded by `mutex`; the body touches what its own phase gives each worker.

    /// The threads, the caller's included.
    let count: Int
    private let body: (_ worker: Int) throws -> Void
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var arrived = 0
    private var generation = 0
    private var failure: (worker: Int, error: any Error)?

    private init(count: Int, body: @escaping (_ worker: Int) throws -> Void) {
        self.count = count
        self.body = body
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(changed)
        mutex.deallocate()
        changed.deallocate()
    }

    /// Tells that another worker failed; the one that threw first is reported.
    private struct Stopped: Error {}

    /// Runs the body on `count` threads and returns when all have ended.
    ///
    /// - Parameter body: is given its worker's number and the team, for ``meet()``.
    /// - Throws: what the body throws; of several failures that of the lowest worker that failed by itself.
    static func run(count: Int, _ body: @escaping (_ worker: Int, _ team: WorkerTeam) throws -> Void) throws {
        // The body refers to the team and the team to the body, until the run ends.
        var team: WorkerTeam?
        let made = WorkerTeam(count: count) { worker in
            guard let team else { preconditionFailure("a team outlives its workers") }
            try body(worker, team)
        }
        team = made
        let threads = (1..<count).compactMap { made.startThread(worker: $0) }
        // Where the system refuses a thread, the run cannot go on: phases wait for everyone.
        if threads.count < count - 1 { made.fail(0, SystemRefusal()) }
        made.work(0)
        for thread in threads { pthread_join(thread, nil) }
        team = nil
        if let failure = made.failure { throw failure.error }
    }

    private struct SystemRefusal: Error, CustomStringConvertible {
        var description: String { "the system refuses to start a thread; lower the number of threads" }
    }

    /// Waits until every worker has come here.
    ///
    /// - Throws: when a worker has failed: nobody waits for it.
    func meet() throws {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard failure == nil else { throw Stopped() }
        let current = generation
        arrived += 1
        if arrived == count {
            arrived = 0
            generation += 1
            pthread_cond_broadcast(changed)
            return
        }
        while generation == current, failure == nil { pthread_cond_wait(changed, mutex) }
        if generation == current { throw Stopped() }
    }

    private func fail(_ worker: Int, _ error: any Error) {
        pthread_mutex_lock(mutex)
        if !(error is Stopped), worker < failure?.worker ?? Int.max { failure = (worker, error) }
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    private func work(_ worker: Int) {
        do { try body(worker) } catch { fail(worker, error) }
    }

    private struct Launch {
        let team: WorkerTeam
        let worker: Int
    }

    private func startThread(worker: Int) -> pthread_t? {
        var thread = pthread_t()
        let launch = UnsafeMutablePointer<Launch>.allocate(capacity: 1)
        launch.initialize(to: Launch(team: self, worker: worker))
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let launch = argument?.assumingMemoryBound(to: Launch.self) else { return nil }
                let (team, worker) = (launch.pointee.team, launch.pointee.worker)
                launch.deinitialize(count: 1).deallocate()
                team.work(worker)
                return nil
            },
            launch
        )
        guard status == 0 else {
            launch.deinitialize(count: 1).deallocate()
            return nil
        }
        return thread
    }
}
