// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc

/// A TCP connection on an event loop: reads into memory that its receiver chooses, writes without copying.
///
/// It is confined to its loop: call everything on the loop's thread, that is from an actor whose executor the loop is
/// (which is checked); to act from elsewhere use `loop.execute`. Its callbacks run on the loop too, straight from the
/// socket. Closures made inside such an actor may call the actor directly, other code enters it by `assumeIsolated`.
///
/// Life: made by `TCPConnection.connect` or a `TCPListener`, quiet until `start`, ended by either side, and `onClose`
/// is the last that it says. It keeps itself alive while it is open; whatever its callbacks capture is let go at the
/// end. A quiet connection costs well under a KiB: all connections of a loop share one read buffer.
public final class TCPConnection: @unchecked Sendable {
    // Sendable: every member checks that it runs on the loop, and the public constants never change.

    /// The loop that runs this connection.
    public let loop: EventLoop
    /// The address of this side.
    public let localEndpoint: TCPEndpoint
    /// The address of the other side.
    public let peerEndpoint: TCPEndpoint

    enum State { case quiet, open, flushing, closing, closed }

    let configuration: TCPConfiguration
    let handle: UnsafeMutablePointer<uv_tcp_t>
    var state = State.quiet
    var receiver: (any StreamReceiver)?
    var onWritable: (() -> Void)?
    var onClose: ((CloseReason) -> Void)?
    var closeReason = CloseReason.local

    var receivedBytes: UInt64 = 0
    /// All bytes that writes have handed over, those still queued included.
    var submittedBytes: UInt64 = 0
    /// What was still queued when the closing began.
    var lostBytes = 0
    var isReadingPaused = false
    var isChoosingBuffer = false
    var isAboveWatermark = false
    var isWaitingForTurn = false
    var burstIteration: UInt64 = 0
    var burstBytes = 0

    var idleMilliseconds: UInt64
    var progressMilliseconds: UInt64
    /// The loop's time when the last byte moved.
    var lastActivity: UInt64
    /// The loop's time when the queue last shrank or was empty.
    var lastProgress: UInt64
    var progressMark: UInt64 = 0
    var deadlineIndex: Int?

    var flushTimer: LoopTimer?
    var hasShutDown = false
    var hasSeenEnd = false

    init(loop: EventLoop, handle: UnsafeMutablePointer<uv_tcp_t>, configuration: TCPConfiguration) {
        loop.requireOnLoop()
        precondition(
            configuration.lowWatermarkBytes <= configuration.highWatermarkBytes
                && configuration.highWatermarkBytes <= configuration.writeLimitBytes,
            "the low watermark is at most the high one, and that at most the write limit"
        )
        self.loop = loop
        self.handle = handle
        self.configuration = configuration
        let unknown = TCPEndpoint(host: "unknown", port: 0)
        localEndpoint = SocketAddress(of: handle, side: .local)?.endpoint ?? unknown
        // The peer may be gone already; reading will say so.
        peerEndpoint = SocketAddress(of: handle, side: .peer)?.endpoint ?? unknown
        idleMilliseconds = configuration.idleDeadline?.millisecondsRoundedUp ?? 0
        progressMilliseconds = configuration.progressDeadline?.millisecondsRoundedUp ?? 0
        lastActivity = loop.milliseconds
        lastProgress = lastActivity
        handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        loop.resources[ObjectIdentifier(self)] = self
        // Fails only on a socket that the peer has reset meanwhile, which reading will report.
        uv_tcp_nodelay(handle, 1)
        uv_tcp_keepalive(handle, 1, configuration.keepAliveSeconds)
        applyUserTimeout()
        // A connection that is never started is watched as well.
        if idleMilliseconds > 0 || progressMilliseconds > 0 { loop.deadlines.add(self) }
    }

    deinit { handle.deallocate() }

    /// Starts to read; until then nothing is read and nothing reported.
    ///
    /// Writing is possible before.
    ///
    /// - Parameters:
    ///   - receiver: takes what arrives; kept until the connection has closed.
    ///   - onWritable: runs after the connection was not writable (see `write`) and is again: produce the next piece
    ///     now.
    ///     A connection that was written to before the start may be writable again already; ask `isWritable`.
    ///   - onClose: runs exactly once, after everything else, never from within a call to this connection.
    public func start(
        receiver: any StreamReceiver,
        onWritable: (() -> Void)? = nil,
        onClose: @escaping (CloseReason) -> Void
    ) {
        loop.requireOnLoop()
        switch state {
        case .quiet:
            state = .open
            self.receiver = receiver
            self.onWritable = onWritable
            self.onClose = onClose
            if !isReadingPaused { startReading() }
        case .closing where self.onClose == nil:
            self.onClose = onClose
        case .flushing where self.onClose == nil:
            self.onClose = onClose
        case .closed where self.onClose == nil:
            let reason = closeReason
            loop.enqueue(.body { onClose(reason) })
        case .open, .flushing, .closing, .closed:
            preconditionFailure("a connection is started once")
        }
    }

    /// The bytes received so far.
    public var bytesRead: UInt64 {
        loop.requireOnLoop()
        return receivedBytes
    }

    /// The bytes that the kernel has taken so far.
    public var bytesWritten: UInt64 {
        submittedBytes - UInt64(queuedBytes) - UInt64(lostBytes)
    }

    /// The bytes that wait for the kernel to take them.
    public var queuedBytes: Int {
        loop.requireOnLoop()
        return state == .closing || state == .closed ? 0 : uv_stream_get_write_queue_size(asStream(handle))
    }

    /// Whether the connection is open and has room for another piece; see `write`.
    public var isWritable: Bool {
        loop.requireOnLoop()
        return isOpen && !isAboveWatermark && !isWaitingForTurn
    }

    /// Whether the connection can be written to: neither side has begun to close it.
    public var isOpen: Bool {
        loop.requireOnLoop()
        return state == .open || state == .quiet
    }

    /// Changes the deadlines of this connection, for instance once the peer has proved who it is; nil turns one off.
    public func setDeadlines(idle: Duration?, progress: Duration?) {
        loop.requireOnLoop()
        guard isOpen else { return }
        idleMilliseconds = idle?.millisecondsRoundedUp ?? 0
        progressMilliseconds = progress?.millisecondsRoundedUp ?? 0
        lastActivity = loop.milliseconds
        lastProgress = lastActivity
        progressMark = bytesWritten
        applyUserTimeout()
        loop.deadlines.remove(self)
        if idleMilliseconds > 0 || progressMilliseconds > 0 { loop.deadlines.add(self) }
    }

    static func applyBufferSizes(_ configuration: TCPConfiguration, to handle: UnsafeMutablePointer<uv_tcp_t>) {
        // A size out of the system's bounds is clamped by it, not refused.
        if var bytes = configuration.sendBufferBytes { uv_send_buffer_size(asHandle(handle), &bytes) }
        if var bytes = configuration.receiveBufferBytes { uv_recv_buffer_size(asHandle(handle), &bytes) }
    }

    private func applyUserTimeout() {
        var descriptor: uv_os_fd_t = -1
        guard uv_fileno(asHandle(handle), &descriptor) == 0 else { return }
        var milliseconds = UInt32(clamping: progressMilliseconds)
        setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_USER_TIMEOUT,
            &milliseconds,
            socklen_t(MemoryLayout<UInt32>.size)
        )
    }
}
