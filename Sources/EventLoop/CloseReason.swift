// SPDX-License-Identifier: Apache-2.0

/// Why a connection ended; delivered exactly once, as the last thing a connection says.
public enum CloseReason: Sendable, CustomStringConvertible {
    /// This side closed it: after all queued bytes were handed to the kernel, or by `abort()`.
    case local
    /// This side closed it gracefully, but the queued bytes did not leave within the time given; they are lost.
    case flushDeadline
    /// The peer ended its sending direction in order.
    case peerClosed
    /// The peer, or something between, tore the connection down.
    case reset
    /// No byte moved in either direction for the configured time.
    case idleDeadline(Duration)
    /// Bytes waited to be sent and the peer took none of them for the configured time.
    case progressDeadline(Duration)
    /// A write would have raised the outbound queue above the configured limit, in bytes.
    case writeLimit(Int)
    /// The stream receiver refused what the peer sent.
    case receiver(any Error)
    /// The event loop was shut down.
    case loopStopped
    /// The operating system reported an error.
    case failed(EventLoopError)

    /// One line for the log.
    public var description: String {
        switch self {
        case .local: "closed by this side"
        case .flushDeadline: "closed by this side before all queued bytes could be sent"
        case .peerClosed: "closed by the peer"
        case .reset: "reset by the peer"
        case .idleDeadline(let duration): "no traffic for \(duration)"
        case .progressDeadline(let duration): "the peer took no bytes for \(duration)"
        case .writeLimit(let bytes): "more than \(bytes) bytes wait to be sent; the peer is too slow"
        case .receiver(let error): "refused what the peer sent: \(error)"
        case .loopStopped: "the event loop was shut down"
        case .failed(let error): error.message
        }
    }
}
