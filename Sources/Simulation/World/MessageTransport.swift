// SPDX-License-Identifier: Apache-2.0

import ModelState
public import Rounds

/// What travels on a virtual connection for one message.
public struct VirtualFrame: Sendable {
    /// The form in which the message travels.
    public enum Content: Sendable {
        /// An agent's or operator's message as a value.
        case agent(AgentMessage)
        /// A coordinator's message as a value.
        case coordinator(CoordinatorMessage)
        /// An encoded message.
        case bytes([UInt8])
    }

    /// The message.
    public var content: Content
    /// The bytes that it takes on the wire.
    public var byteCount: Int

    /// Creates a frame.
    public init(_ content: Content, byteCount: Int) {
        self.content = content
        self.byteCount = byteCount
    }
}

/// Turns messages into what travels, and back: the seam at which the real encoding is put in.
public protocol MessageTransport: Sendable {
    /// Encodes a message to the coordinator.
    func encode(_ message: AgentMessage) -> VirtualFrame
    /// Encodes a message of the coordinator.
    func encode(_ message: CoordinatorMessage) -> VirtualFrame
    /// Decodes a message to the coordinator; throws where the frame is no such message.
    func agentMessage(in frame: VirtualFrame) throws -> AgentMessage
    /// Decodes a message of the coordinator; throws where the frame is no such message.
    func coordinatorMessage(in frame: VirtualFrame) throws -> CoordinatorMessage
}

/// Lets messages travel as values; their sizes are those of their data with a plausible header.
public struct ValueTransport: MessageTransport {
    /// Tells that a message travelled in the wrong direction, or as bytes.
    public struct WrongDirection: Error {}

    /// The bytes of a message that carries no bulk data.
    public static let headerBytes = 64

    /// Creates the transport.
    public init() {}

    /// Wraps a message to the coordinator.
    public func encode(_ message: AgentMessage) -> VirtualFrame {
        var size = Self.headerBytes
        if case .chunk(let chunk) = message { size += chunk.data.count }
        if case .operatorRequest(.submit(let text)) = message { size += text.utf8.count }
        return VirtualFrame(.agent(message), byteCount: size)
    }

    /// Wraps a message of the coordinator.
    public func encode(_ message: CoordinatorMessage) -> VirtualFrame {
        var size = Self.headerBytes
        if case .chunk(let chunk) = message { size += chunk.data.count }
        if case .train(let task) = message { size += 32 * task.layout.tensors.count }
        return VirtualFrame(.coordinator(message), byteCount: size)
    }

    /// Unwraps a message to the coordinator.
    public func agentMessage(in frame: VirtualFrame) throws -> AgentMessage {
        guard case .agent(let message) = frame.content else { throw WrongDirection() }
        return message
    }

    /// Unwraps a message of the coordinator.
    public func coordinatorMessage(in frame: VirtualFrame) throws -> CoordinatorMessage {
        guard case .coordinator(let message) = frame.content else { throw WrongDirection() }
        return message
    }
}
