// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
public import Rounds

/// Turns messages into frames, without copying the data of chunks.
///
/// It refuses what a ``MessageDecoder`` would refuse. The same message always gives the same bytes. One encoder serves
/// the connections of a loop; it is used by one thread at a time.
public final class MessageEncoder {
    private let arena = MessageArena()
    private static let heartbeat: [UInt8] = [2, 0, 0, 0, 1 << 3 | 2, 0]

    /// Creates an encoder.
    public init() {}

    /// Makes the frame of a message to a coordinator.
    ///
    /// - Throws: ``WireError`` where the message is past a limit or a field out of its range.
    public func encode(_ message: AgentMessage) throws(WireError) -> EncodedFrame {
        var header: [UInt8] = []
        let payload = try append(message, to: &header)
        return EncodedFrame(header: header, payload: payload)
    }

    /// Makes the frame of a message to an agent or an operator.
    ///
    /// - Throws: ``WireError`` where the message is past a limit or a field out of its range.
    public func encode(_ message: CoordinatorMessage) throws(WireError) -> EncodedFrame {
        var header: [UInt8] = []
        let payload = try append(message, to: &header)
        return EncodedFrame(header: header, payload: payload)
    }

    /// Appends the frame of a message to a coordinator; several small ones may share an array.
    ///
    /// - Returns: a chunk's data, which must be sent right after the appended bytes; nil for other messages.
    /// - Throws: ``WireError`` where the message is past a limit or a field out of its range, with `output` unchanged.
    public func append(_ message: AgentMessage, to output: inout [UInt8]) throws(WireError) -> ByteSlice? {
        switch message {
        case .heartbeat: output.append(contentsOf: Self.heartbeat)
        case .chunk(let chunk): return try append(chunk, to: &output)
        default:
            defer { arena.reset(allowance: 0) }
            let frame = try beginFrame()
            try message.write(to: &frame.pointee, FieldWriter(arena: arena))
            try pack(frame, into: &output)
        }
        return nil
    }

    /// Appends the frame of a message to an agent or an operator; several small ones may share an array.
    ///
    /// - Returns: a chunk's data, which must be sent right after the appended bytes; nil for other messages.
    /// - Throws: ``WireError`` where the message is past a limit or a field out of its range, with `output` unchanged.
    public func append(_ message: CoordinatorMessage, to output: inout [UInt8]) throws(WireError) -> ByteSlice? {
        switch message {
        case .heartbeat: output.append(contentsOf: Self.heartbeat)
        case .chunk(let chunk): return try append(chunk, to: &output)
        default:
            defer { arena.reset(allowance: 0) }
            let frame = try beginFrame()
            try message.write(to: &frame.pointee, FieldWriter(arena: arena))
            try pack(frame, into: &output)
        }
        return nil
    }

    private func append(_ chunk: BlobChunk, to output: inout [UInt8]) throws(WireError) -> ByteSlice {
        let offset = try BlobChunk.checkedOffset(UInt64(bitPattern: Int64(chunk.offset)), byteCount: chunk.data.count)
        output.reserveCapacity(output.count + 40)
        ChunkFrame.appendHeader(
            transfer: chunk.transfer,
            offset: UInt64(offset),
            dataBytes: chunk.data.count,
            to: &output
        )
        return chunk.data
    }

    private func beginFrame() throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Frame> {
        arena.reset(allowance: Limits.unpackedBytes)
        return try FieldWriter(arena: arena).make(tributary__v1__frame__init)
    }

    private func pack(
        _ frame: UnsafeMutablePointer<Tributary__V1__Frame>,
        into output: inout [UInt8]
    ) throws(WireError) {
        let count = tributary__v1__frame__get_packed_size(frame)
        guard count <= Limits.controlBytes else {
            throw WireError(.limitExceeded, "a message of \(count) bytes, the limit is \(Limits.controlBytes)")
        }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: WireLimits.lengthBytes + count))
        output.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt32(count).littleEndian, toByteOffset: start, as: UInt32.self)
            guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            tributary__v1__frame__pack(frame, base + start + WireLimits.lengthBytes)
        }
    }
}
