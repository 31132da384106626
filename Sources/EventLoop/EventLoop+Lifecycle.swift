// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc
internal import Synchronization

extension EventLoop {
    /// Starts the loop's thread; call it once.
    ///
    /// - Throws: `EventLoopError` if the system has no file descriptor or thread left.
    public func start() throws {
        let mayStart = lock.withLock {
            guard phase == .idle else { return false }
            phase = .running
            return true
        }
        precondition(mayStart, "an event loop is started once")
        do {
            try openHandles()
            try startThread()
        } catch {
            lock.withLock { phase = .idle }
            throw error
        }
    }

    /// Closes everything open on the loop, runs the jobs that remain, ends its thread and waits for that.
    ///
    /// Connections are closed at once with `CloseReason.loopStopped`; close them gracefully before if their queued
    /// bytes matter. Tasks that never end by themselves must be cancelled before, or this waits for ever. A host name
    /// that is being resolved is waited for. Call it from another thread; a second call does nothing. Jobs for the
    /// loop's actors that come later still run, one at a time, on a thread made for them, but sockets and timers can
    /// no longer be made.
    public func shutdown() {
        precondition(!isOnLoop, "a loop's own thread cannot wait for its own end; call shutdown from another thread")
        let thread: pthread_t? = lock.withLock {
            guard phase == .running else {
                if phase == .idle { phase = .stopped }
                return nil
            }
            phase = .stopping
            remoteWork.append(.body { self.beginStopping() })
            if isAsleep {
                isAsleep = false
                uv_async_send(wakeHandle)
            }
            return self.thread
        }
        guard let thread else { return }
        let status = pthread_join(thread, nil)
        precondition(status == 0, "the loop's thread is joined once")
    }

    private func openHandles() throws {
        let status = uv_loop_init(uvLoop)
        guard status == 0 else { throw EventLoopError(status: status, action: "create the event loop '\(name)'") }
        let context = Unmanaged.passUnretained(self).toOpaque()
        // The inits and starts below fail only for missing arguments, except that the first async needs a descriptor.
        let asyncStatus = uv_async_init(uvLoop, wakeHandle) { _ in }
        guard asyncStatus == 0 else {
            uv_loop_close(uvLoop)
            throw EventLoopError(status: asyncStatus, action: "create the event loop '\(name)'")
        }
        uv_prepare_init(uvLoop, prepareHandle)
        uv_check_init(uvLoop, checkHandle)
        uv_idle_init(uvLoop, idleHandle)
        prepareHandle.pointee.data = context
        checkHandle.pointee.data = context
        uv_prepare_start(prepareHandle) { handle in
            guard let context = handle?.pointee.data else { return }
            Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().willWait()
        }
        uv_check_start(checkHandle) { handle in
            guard let context = handle?.pointee.data else { return }
            Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().didWait()
        }
    }

    private func startThread() throws {
        let context = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let status = lock.withLock {
            let status = pthread_create(&thread, nil, loopThreadMain, context.toOpaque())
            if status == 0 { self.thread = thread }
            return status
        }
        guard status == 0 else {
            context.release()
            closeInternalHandles()
            throw EventLoopError(status: -status, action: "start the thread of the event loop '\(name)'")
        }
    }

    fileprivate func runThread() {
        prepareThread()
        lock.withLock {}  // waits until the starter has stored the thread
        while true {
            uv_run(uvLoop, UV_RUN_DEFAULT)
            runAllWork()
            if uv_loop_alive(uvLoop) == 0 { break }
        }
        lock.withLock { isAsleep = false }
        closeInternalHandles()
        repeat { runAllWork() } while !leaveThread()
    }

    private func prepareThread() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        eventloop_name_thread(name)
        // A write to a socket that the peer has closed shall give an error, not end the process.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private func leaveThread() -> Bool {
        lock.withLock {
            guard remoteWork.isEmpty else { return false }
            phase = .stopped
            owner.store(0, ordering: .relaxed)
            return true
        }
    }

    /// Closes what is open; libuv's run ends when all of it is gone because the own handles no longer count.
    private func beginStopping() {
        isStopping = true
        for resource in Array(resources.values) { resource.loopWillStop() }
        for timer in Array(timers.values) { timer.close() }
        deadlines.stop()
        waitingForTurn.removeAll()
        for handle in internalHandles { uv_unref(handle) }
    }

    private var internalHandles: [UnsafeMutablePointer<uv_handle_t>] {
        [asHandle(wakeHandle), asHandle(prepareHandle), asHandle(checkHandle), asHandle(idleHandle)]
    }

    private func closeInternalHandles() {
        for handle in internalHandles { uv_close(handle, nil) }
        uv_run(uvLoop, UV_RUN_DEFAULT)
        let status = uv_loop_close(uvLoop)
        precondition(status == 0, "every handle of the loop has been closed before the loop")
    }
}

private func loopThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().runThread()
    return nil
}
