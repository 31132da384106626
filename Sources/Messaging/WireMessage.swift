// SPDX-License-Identifier: Apache-2.0

public import Rounds
public import Wire

/// A message of one direction that can be turned into frames and back.
public protocol WireMessage: Sendable {
    /// Reads a frame; nil for a message that this version does not know.
    static func decode(_ frame: ByteSlice, with decoder: MessageDecoder) throws(WireError) -> Self?
    /// Appends the message's frame; returns the payload that follows it.
    func append(to output: inout [UInt8], with encoder: MessageEncoder) throws(WireError) -> ByteSlice?
    /// Makes the message that carries a chunk.
    static func carrying(_ chunk: BlobChunk) -> Self
    /// Makes the message that ends a connection.
    static func ending(_ goodbye: Goodbye) -> Self
}

extension AgentMessage: WireMessage {
    /// Reads a frame that an agent sent.
    public static func decode(_ frame: ByteSlice, with decoder: MessageDecoder) throws(WireError) -> AgentMessage? {
        try decoder.agentMessage(frame)
    }

    /// Appends the frame.
    public func append(to output: inout [UInt8], with encoder: MessageEncoder) throws(WireError) -> ByteSlice? {
        try encoder.append(self, to: &output)
    }

    /// A chunk of an update.
    public static func carrying(_ chunk: BlobChunk) -> AgentMessage { .chunk(chunk) }

    /// A goodbye.
    public static func ending(_ goodbye: Goodbye) -> AgentMessage { .goodbye(goodbye) }
}

extension CoordinatorMessage: WireMessage {
    /// Reads a frame that a coordinator sent.
    public static func decode(_ frame: ByteSlice, with decoder: MessageDecoder) throws(WireError) -> CoordinatorMessage?
    {
        try decoder.coordinatorMessage(frame)
    }

    /// Appends the frame.
    public func append(to output: inout [UInt8], with encoder: MessageEncoder) throws(WireError) -> ByteSlice? {
        try encoder.append(self, to: &output)
    }

    /// A chunk of a model.
    public static func carrying(_ chunk: BlobChunk) -> CoordinatorMessage { .chunk(chunk) }

    /// A goodbye.
    public static func ending(_ goodbye: Goodbye) -> CoordinatorMessage { .goodbye(goodbye) }
}
