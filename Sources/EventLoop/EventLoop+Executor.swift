// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc
internal import Synchronization

extension EventLoop {
    /// Jobs run between two looks at the sockets, so that a busy actor cannot starve the network.
    private static let jobsPerTurn = 1024

    /// Runs a job of the Swift runtime on the loop; one witness serves both executor protocols.
    public func enqueue(_ job: consuming ExecutorJob) {
        enqueue(.job(UnownedJob(job)))
    }

    /// The loop as the executor of an actor: return it from the actor's `unownedExecutor`.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Stops the process unless the caller runs on the loop; it is what lets `assumeIsolated` work in callbacks.
    public func checkIsolated() {
        precondition(isOnLoop, "the caller must run on the event loop '\(name)'")
    }

    /// Whether the caller runs on the loop; never unknown.
    public func isIsolatingCurrentContext() -> Bool? {
        isOnLoop
    }

    func enqueue(_ work: Work) {
        if isOnLoop {
            localWork.append(work)
            return
        }
        let startsLateThread = lock.withLock {
            remoteWork.append(work)
            if isAsleep {
                // Inside the lock: the handle is closed only after `isAsleep` was cleared under this lock.
                isAsleep = false
                uv_async_send(wakeHandle)
            }
            guard phase == .stopped, !isRunningLateWork else { return false }
            isRunningLateWork = true
            return true
        }
        if startsLateThread { startLateThread() }
    }

    /// Runs up to a turn's worth of work; the rest waits for the next turn.
    func runWork() {
        takeRemoteWork()
        var budget = Self.jobsPerTurn
        while budget > 0 {
            if localHead == localWork.count {
                localWork.removeAll(keepingCapacity: true)
                localHead = 0
                takeRemoteWork()
                if localWork.isEmpty { return }
            }
            runNext()
            budget -= 1
        }
        // Work that always begets work would otherwise let the part already done grow without bound.
        if localHead >= localWork.count / 2 {
            localWork.removeFirst(localHead)
            localHead = 0
        }
    }

    var hasLocalWork: Bool { localHead < localWork.count }

    private func runNext() {
        let work = localWork[localHead]
        localWork[localHead] = .done
        localHead += 1
        switch work {
        case .job(let job):
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        case .body(let body):
            body()
        case .done:
            break
        }
    }

    private func takeRemoteWork() {
        lock.withLock {
            isAsleep = false
            if remoteWork.isEmpty { return }
            if localWork.isEmpty {
                swap(&localWork, &remoteWork)
            } else {
                localWork.append(contentsOf: remoteWork)
                remoteWork.removeAll(keepingCapacity: true)
            }
        }
    }

    /// Before the wait: run what there is, then make sure that nothing slips in unnoticed.
    func willWait() {
        runWork()
        var mayWait = !hasLocalWork && waitingForTurn.isEmpty
        if mayWait {
            mayWait = lock.withLock {
                isAsleep = remoteWork.isEmpty
                return isAsleep
            }
        }
        if mayWait == isSpinning { setSpinning(!mayWait) }
    }

    /// After the wait: the callbacks of the sockets have run; run what they gave rise to.
    func didWait() {
        iteration &+= 1
        runWork()
        guard !waitingForTurn.isEmpty else { return }
        let connections = waitingForTurn
        waitingForTurn.removeAll(keepingCapacity: true)
        for connection in connections { connection.turnHasCome() }
    }

    /// A running idle handle makes libuv look at the sockets without waiting.
    private func setSpinning(_ spins: Bool) {
        isSpinning = spins
        if spins { uv_idle_start(idleHandle) { _ in } } else { uv_idle_stop(idleHandle) }
    }
}

extension EventLoop {
    /// Runs everything that is queued, however much it is.
    func runAllWork() {
        repeat { runWork() } while hasLocalWork
    }

    /// Jobs may come after the loop has stopped (a task that still awaits an actor of it).
    ///
    /// Dropping them would hang their tasks for ever, so a thread that lives as long as there are any takes the loop's
    /// place.
    private func startLateThread() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(&thread, nil, lateThreadMain, context)
        if status == 0 {
            pthread_detach(thread)
        } else {
            _ = lateThreadMain(context)
        }
    }

    fileprivate func runLateWork() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        repeat { runAllWork() } while !leaveLateWork()
    }

    private func leaveLateWork() -> Bool {
        lock.withLock {
            guard remoteWork.isEmpty else { return false }
            isRunningLateWork = false
            owner.store(0, ordering: .relaxed)
            return true
        }
    }
}

private func lateThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().runLateWork()
    return nil
}
