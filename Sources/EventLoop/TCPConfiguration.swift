// SPDX-License-Identifier: Apache-2.0

/// The knobs of a TCP connection; a listener gives its own to every connection that it accepts.
public struct TCPConfiguration: Sendable {
    /// At this many queued bytes a connection is no longer writable.
    public var highWatermarkBytes = 2 << 20
    /// At this many queued bytes or fewer it becomes writable again and says so; at most the high watermark.
    public var lowWatermarkBytes = 512 << 10
    /// A write that would queue more than this closes the connection: the peer is stuck.
    public var writeLimitBytes = 64 << 20
    /// After this many bytes sent directly within one loop iteration a connection lets the others have their turn.
    public var burstBytes = 4 << 20
    /// Closes a connection on which no byte has moved in either direction for this long; nil turns it off.
    ///
    /// The time in which this side has paused reading does not count.
    public var idleDeadline: Duration?
    /// Closes a connection whose peer has taken none of the waiting bytes for this long; nil turns it off.
    ///
    /// It also bounds how long the kernel waits for acknowledgements (`TCP_USER_TIMEOUT`).
    public var progressDeadline: Duration?
    /// The quiet time before the kernel probes whether the peer still exists, in seconds.
    public var keepAliveSeconds: UInt32 = 60
    /// The kernel's send buffer in bytes; nil leaves its automatic tuning on, which is usually better.
    public var sendBufferBytes: Int32?
    /// The kernel's receive buffer in bytes; nil leaves its automatic tuning on, which is usually better.
    public var receiveBufferBytes: Int32?
    /// How many connections may wait in the kernel to be accepted; the kernel caps it (`net.core.somaxconn`).
    public var backlog: Int32 = 4096

    /// The defaults: 2 MiB and 512 KiB watermarks, 64 MiB limit, no deadlines.
    public init() {}
}
