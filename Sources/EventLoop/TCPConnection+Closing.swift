// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

extension TCPConnection {
    /// Closes in order: sends what is queued, says that no more comes, waits for the peer to close, then closes.
    ///
    /// Nothing is received any more and nothing more can be written. `onClose` follows with `CloseReason.local`, or
    /// with `flushDeadline` if the queued bytes could not be sent, or with what else ended the connection meanwhile.
    ///
    /// - Parameter deadline: how long all that may take; then the connection is closed at once.
    public func close(within deadline: Duration) {
        loop.requireOnLoop()
        guard isOpen else { return }
        let wasReading = state == .open && !isReadingPaused
        state = .flushing
        loop.deadlines.remove(self)
        receiver = nil
        onWritable = nil
        flushTimer = loop.schedule(after: deadline) { [weak self] in self?.flushDeadlineIsUp() }
        let status = startShutdown()
        if status < 0 { return fail(status) }
        if !wasReading { startReading() }
    }

    /// Closes at once: what is queued is lost, and the peer sees a reset.
    public func abort() {
        finish(.local, resets: true)
    }

    /// libuv sends the end only after everything queued.
    private func startShutdown() -> Int32 {
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let context = Unmanaged.passRetained(self)
        request.pointee.data = context.toOpaque()
        let status = uv_shutdown(request, asStream(handle)) { request, status in
            guard let request, let context = request.pointee.data else { return }
            request.deallocate()
            Unmanaged<TCPConnection>.fromOpaque(context).takeRetainedValue().didShutDown(status)
        }
        if status < 0 {
            request.deallocate()
            context.release()
        }
        return status
    }

    private func didShutDown(_ status: Int32) {
        guard state == .flushing else { return }
        if status < 0 { return fail(status) }
        hasShutDown = true
        finishFlushIfDone()
    }

    func finishFlushIfDone() {
        if hasShutDown && hasSeenEnd { finish(.local, resets: false) }
    }

    private func flushDeadlineIsUp() {
        // After the shutdown all bytes are the kernel's, which goes on sending after the close.
        if hasShutDown { finish(.local, resets: false) } else { finish(.flushDeadline, resets: true) }
    }

    /// Closes because of an error of the system.
    func fail(_ status: Int32) {
        let reason: CloseReason
        switch status {
        case UV_EOF.rawValue:
            reason = .peerClosed
        case UV_ECONNRESET.rawValue, UV_EPIPE.rawValue, UV_ECONNABORTED.rawValue, UV_ENOTCONN.rawValue:
            reason = .reset
        case UV_ETIMEDOUT.rawValue where progressMilliseconds > 0:
            // The kernel's view of the same deadline: what it holds was not acknowledged.
            reason = .progressDeadline(.milliseconds(progressMilliseconds))
        case UV_ETIMEDOUT.rawValue:
            let text = "the peer \(peerEndpoint) has stopped answering; check the network and that it still runs"
            reason = .failed(EventLoopError(.unreachable, text))
        default:
            reason = .failed(EventLoopError(status: status, action: "go on with the connection to \(peerEndpoint)"))
        }
        finish(reason, resets: false)
    }

    /// The one way to the end.
    ///
    /// `onClose` follows from libuv's close callback, hence never from within a caller's call.
    func finish(_ reason: CloseReason, resets: Bool) {
        loop.requireOnLoop()
        guard state != .closing, state != .closed else { return }
        if isChoosingBuffer {
            // libuv does not survive that its socket goes while it asks for a buffer.
            receiver = nil
            onWritable = nil
            loop.enqueue(.body { self.finish(reason, resets: resets) })
            return
        }
        lostBytes = queuedBytes
        state = .closing
        closeReason = reason
        loop.deadlines.remove(self)
        flushTimer?.cancel()
        flushTimer = nil
        onWritable = nil
        receiver = nil
        let didClose: uv_close_cb = { handle in
            guard let context = handle?.pointee.data else { return }
            Unmanaged<TCPConnection>.fromOpaque(context).takeUnretainedValue().didClose()
        }
        // A reset is refused while a shutdown is under way; then a plain close has to do.
        if !resets || uv_tcp_close_reset(handle, didClose) != 0 { uv_close(asHandle(handle), didClose) }
    }

    private func didClose() {
        state = .closed
        loop.resources[ObjectIdentifier(self)] = nil
        let onClose = onClose
        self.onClose = nil
        onClose?(closeReason)
    }
}

extension TCPConnection: LoopResource {
    func loopWillStop() { finish(.loopStopped, resets: false) }
}
