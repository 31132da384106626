// SPDX-License-Identifier: Apache-2.0

import EventLoop
public import Rounds
import Wire

/// Lets messages travel over a virtual network as the very bytes that a socket would carry.
public final class WireTransport: MessageTransport, @unchecked Sendable {
    // Sendable: the coders are used under the lock only.
    private let lock = Lock()
    private let encoder = MessageEncoder()
    private let decoder = MessageDecoder()

    /// Tells that a frame holds a message that this version does not know, or no bytes at all.
    public struct Unreadable: Error {}

    /// Creates a transport.
    public init() {}

    /// Encodes a message to the coordinator.
    public func encode(_ message: AgentMessage) -> VirtualFrame {
        lock.withLock { frame { () throws(WireError) in try encoder.encode(message) } }
    }

    /// Encodes a message of the coordinator.
    public func encode(_ message: CoordinatorMessage) -> VirtualFrame {
        lock.withLock { frame { () throws(WireError) in try encoder.encode(message) } }
    }

    private func frame(_ encode: () throws(WireError) -> EncodedFrame) -> VirtualFrame {
        do {
            let bytes = try encode().array
            return VirtualFrame(.bytes(bytes), byteCount: bytes.count)
        } catch {
            preconditionFailure("a job within the limits has messages within the limits: \(error.message)")
        }
    }

    /// Decodes a message to the coordinator.
    public func agentMessage(in frame: VirtualFrame) throws -> AgentMessage {
        let body = try body(of: frame)
        return try lock.withLock {
            guard let message = try decoder.agentMessage(body) else { throw Unreadable() }
            return message
        }
    }

    /// Decodes a message of the coordinator.
    public func coordinatorMessage(in frame: VirtualFrame) throws -> CoordinatorMessage {
        let body = try body(of: frame)
        return try lock.withLock {
            guard let message = try decoder.coordinatorMessage(body) else { throw Unreadable() }
            return message
        }
    }

    private func body(of frame: VirtualFrame) throws -> ByteSlice {
        guard case .bytes(let bytes) = frame.content, bytes.count > WireLimits.lengthBytes else { throw Unreadable() }
        return ByteSlice(copying: Array(bytes[WireLimits.lengthBytes...]))
    }
}
