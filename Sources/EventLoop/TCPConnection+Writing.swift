// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

extension TCPConnection {
    /// Sends borrowed bytes: what the kernel does not take at once is copied.
    ///
    /// Meant for small messages.
    ///
    /// - Returns: whether the connection is writable on; see `write(_:)`.
    @discardableResult
    public func write(borrowing bytes: UnsafeRawBufferPointer) -> Bool {
        withUnsafeTemporaryAllocation(of: OutboundBytes.self, capacity: 1) { parts in
            parts.initializeElement(at: 0, to: OutboundBytes(borrowing: bytes))
            defer { parts.deinitialize() }
            return write(UnsafeBufferPointer(parts))
        }
    }

    /// Sends a borrowed header and a payload behind it, in one system call if the kernel has room, without a copy.
    ///
    /// - Returns: whether the connection is writable on; see `write(_:)`.
    @discardableResult
    public func write(header: UnsafeRawBufferPointer, payload: OutboundBytes) -> Bool {
        withUnsafeTemporaryAllocation(of: OutboundBytes.self, capacity: 2) { parts in
            parts.initializeElement(at: 0, to: OutboundBytes(borrowing: header))
            parts.initializeElement(at: 1, to: payload)
            defer { parts.deinitialize() }
            return write(UnsafeBufferPointer(parts))
        }
    }

    /// Sends pieces of memory in order, as one write.
    ///
    /// - Returns: whether the connection is writable on.
    @discardableResult
    public func write(_ parts: [OutboundBytes]) -> Bool {
        parts.withUnsafeBufferPointer { write($0) }
    }

    /// Sends pieces of memory in order, as one write; allocates nothing if the kernel takes all at once.
    ///
    /// All of it is accepted (or the connection closes); the result says when to stop producing. It is false when the
    /// queue has reached the high watermark, when the connection has sent its share of this loop iteration, or when the
    /// connection is not open (the bytes are then dropped). In the first two cases `onWritable` runs as soon as it is
    /// time to go on. A write that would raise the queue above the limit closes the connection instead.
    ///
    /// - Returns: whether the connection is writable on.
    @discardableResult
    public func write(_ parts: UnsafeBufferPointer<OutboundBytes>) -> Bool {
        loop.requireOnLoop()
        guard isOpen else { return false }
        var total = 0
        for part in parts { total += part.bytes.count }
        guard total > 0 else { return isWritable }
        let queued = queuedBytes
        var sent = 0
        if queued == 0 {
            let status = tryWrite(parts)
            if status >= 0 {
                sent = Int(status)
            } else if status != UV_EAGAIN.rawValue {
                fail(status)
                return false
            }
        }
        if sent > 0 {
            submittedBytes += UInt64(sent)
            lastActivity = loop.milliseconds
            countBurst(sent)
        }
        if sent < total { enqueue(parts, sent: sent, total: total, queued: queued) }
        return isWritable
    }

    private func tryWrite(_ parts: UnsafeBufferPointer<OutboundBytes>) -> Int32 {
        withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: parts.count) { buffers in
            for index in 0..<parts.count { buffers[index] = uv_buf_t(parts[index].bytes) }
            return uv_try_write(asStream(handle), buffers.baseAddress, UInt32(parts.count))
        }
    }

    private func enqueue(_ parts: UnsafeBufferPointer<OutboundBytes>, sent: Int, total: Int, queued: Int) {
        let rest = total - sent
        guard queued + rest <= configuration.writeLimitBytes else {
            finish(.writeLimit(configuration.writeLimitBytes), resets: true)
            return
        }
        if queued == 0 {
            lastProgress = loop.milliseconds
            progressMark = submittedBytes
        }
        submittedBytes += UInt64(rest)
        let status = WriteRequest(connection: self, parts: parts, skipping: sent).submit()
        if status < 0 {
            submittedBytes -= UInt64(rest)
            return fail(status)
        }
        if queuedBytes >= configuration.highWatermarkBytes { isAboveWatermark = true }
    }

    /// While the peer drains as fast as this side sends, every write completes at once; without a bound a sender that
    /// writes until told to stop would keep the loop from its other connections.
    private func countBurst(_ sent: Int) {
        if burstIteration != loop.iteration {
            burstIteration = loop.iteration
            burstBytes = 0
        }
        burstBytes += sent
        guard burstBytes >= configuration.burstBytes, !isWaitingForTurn else { return }
        isWaitingForTurn = true
        loop.waitingForTurn.append(self)
    }

    /// The loop has looked at its other sockets in between.
    func turnHasCome() {
        isWaitingForTurn = false
        if state == .open, !isAboveWatermark { onWritable?() }
    }

    func didWrite(_ status: Int32) {
        guard state != .closing, state != .closed else { return }
        if status < 0 { return fail(status) }
        lastActivity = loop.milliseconds
        guard isAboveWatermark, queuedBytes <= configuration.lowWatermarkBytes else { return }
        isAboveWatermark = false
        if state == .open, !isWaitingForTurn { onWritable?() }
    }
}

extension uv_buf_t {
    /// Describes memory that libuv only reads, which its type cannot say.
    init(_ bytes: UnsafeRawBufferPointer) {
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        self.init(base: base?.assumingMemoryBound(to: CChar.self), len: bytes.count)
    }
}
