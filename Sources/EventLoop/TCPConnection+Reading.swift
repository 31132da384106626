// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc

extension TCPConnection {
    /// Stops reading, so that the kernel's buffer fills and the peer has to wait; the idle deadline rests meanwhile.
    ///
    /// The end of the connection by the peer is noticed only after `resumeReading`, or by a write.
    public func pauseReading() {
        loop.requireOnLoop()
        guard isOpen, !isReadingPaused else { return }
        isReadingPaused = true
        if state == .open { uv_read_stop(asStream(handle)) }
    }

    /// Reads on after `pauseReading`.
    public func resumeReading() {
        loop.requireOnLoop()
        guard isOpen, isReadingPaused else { return }
        isReadingPaused = false
        lastActivity = loop.milliseconds
        if state == .open { startReading() }
    }

    func startReading() {
        let status = uv_read_start(
            asStream(handle),
            { handle, _, buffer in
                guard let context = handle?.pointee.data, let buffer else { return }
                buffer.pointee = Unmanaged<TCPConnection>.fromOpaque(context).takeUnretainedValue().chooseBuffer()
            },
            { stream, count, buffer in
                guard let context = stream?.pointee.data, let buffer else { return }
                let connection = Unmanaged<TCPConnection>.fromOpaque(context).takeUnretainedValue()
                connection.didRead(count, buffer.pointee)
            }
        )
        // EALREADY: it reads already.
        if status < 0, status != UV_EALREADY.rawValue { fail(status) }
    }

    private func chooseBuffer() -> uv_buf_t {
        var memory = loop.slab
        if state == .open, let receiver {
            isChoosingBuffer = true
            memory = receiver.receiveBuffer(slab: loop.slab)
            isChoosingBuffer = false
            precondition(memory.count > 0, "a receiver gives memory for at least one byte")
        }
        return uv_buf_t(base: memory.baseAddress?.assumingMemoryBound(to: CChar.self), len: memory.count)
    }

    private func didRead(_ count: Int, _ buffer: uv_buf_t) {
        if count > 0 {
            receivedBytes += UInt64(count)
            lastActivity = loop.milliseconds
            // Once closed gracefully, what still comes is read and dropped: data left unread would make the kernel
            // reset the connection, and the peer could lose what was sent to it.
            guard state == .open, let receiver else { return }
            do {
                try receiver.received(UnsafeRawBufferPointer(start: buffer.base, count: count))
            } catch {
                finish(.receiver(error), resets: false)
            }
        } else if count < 0 {
            let status = count == Int(UV_EOF.rawValue) ? endStatus : Int32(truncatingIfNeeded: count)
            guard status == UV_EOF.rawValue else { return fail(status) }
            if state == .flushing {
                hasSeenEnd = true
                uv_read_stop(asStream(handle))
                finishFlushIfDone()
            } else {
                finish(.peerClosed, resets: false)
            }
        }
    }

    /// The end of the stream or the error behind it: when a reset follows data, libuv reports an orderly end without
    /// asking the socket.
    private var endStatus: Int32 {
        var descriptor: uv_os_fd_t = -1
        var pending: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard uv_fileno(asHandle(handle), &descriptor) == 0,
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &length) == 0, pending != 0
        else { return UV_EOF.rawValue }
        return uv_translate_sys_error(pending)
    }
}
