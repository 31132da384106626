// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
public import Rounds

/// Turns frames into messages: any bytes give a message or a typed error, within bounded memory.
///
/// One decoder serves the connections of a loop; it is used by one thread at a time.
public final class MessageDecoder {
    private let arena = MessageArena()

    /// Creates a decoder.
    public init() {}

    /// Reads what an agent or an operator sent.
    ///
    /// The data of a chunk is a slice of the frame where the frame has an owner, else a copy.
    ///
    /// - Parameter frame: a frame's bytes after its length word.
    /// - Returns: the message; nil for one that this version does not know, which is to be logged and ignored.
    /// - Throws: ``WireError``.
    public func agentMessage(_ frame: ByteSlice) throws(WireError) -> AgentMessage? {
        defer { withExtendedLifetime(frame.owner) {} }
        if let chunk = try Self.chunk(frame) { return .chunk(chunk) }
        defer { arena.reset(allowance: 0) }
        return try AgentMessage(reading: unpack(frame.bytes))
    }

    /// Reads what a coordinator sent.
    ///
    /// The data of a chunk is a slice of the frame where the frame has an owner, else a copy.
    ///
    /// - Parameter frame: a frame's bytes after its length word.
    /// - Returns: the message; nil for one that this version does not know, which is to be logged and ignored.
    /// - Throws: ``WireError``.
    public func coordinatorMessage(_ frame: ByteSlice) throws(WireError) -> CoordinatorMessage? {
        defer { withExtendedLifetime(frame.owner) {} }
        if let chunk = try Self.chunk(frame) { return .chunk(chunk) }
        defer { arena.reset(allowance: 0) }
        return try CoordinatorMessage(reading: unpack(frame.bytes))
    }

    /// Reads a chunk without copying its data; nil where the frame is none in the usual order of fields.
    private static func chunk(_ frame: ByteSlice) throws(WireError) -> BlobChunk? {
        guard let fields = ChunkFrame.parse(frame.bytes) else { return nil }
        let offset = try BlobChunk.checkedOffset(fields.offset, byteCount: fields.data.count)
        let bytes = UnsafeRawBufferPointer(rebasing: frame.bytes[fields.data])
        let data = frame.owner == nil ? ByteSlice(copying: Array(bytes)) : ByteSlice(bytes, owner: frame.owner)
        return BlobChunk(transfer: fields.transfer, offset: offset, data: data)
    }

    /// Unpacks a message into the arena; it is valid until the arena is reset.
    private func unpack(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Frame>
    {
        guard bytes.count <= Limits.controlBytes else {
            throw WireError(.limitExceeded, "a message of \(bytes.count) bytes, the limit is \(Limits.controlBytes)")
        }
        // An honest message takes up to 36 times its bytes (a list of tiny entries); hostile ones
        // would take 57 times and more.
        arena.reset(allowance: min(Limits.unpackedBytes, (64 << 10) + 40 * bytes.count))
        let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let frame = tributary__v1__frame__unpack(arena.allocator, bytes.count, base) else {
            guard !arena.isExhausted else {
                throw WireError(.limitExceeded, "a message of \(bytes.count) bytes that unpacks to far more")
            }
            throw WireError(.malformed, "a frame of \(bytes.count) bytes that holds no message")
        }
        return frame
    }
}
