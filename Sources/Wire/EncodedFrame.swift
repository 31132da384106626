// SPDX-License-Identifier: Apache-2.0
public import Rounds

/// A frame that is ready to be sent: its header, then its payload, in one vectored write.
public struct EncodedFrame: Sendable {
    /// The length word and the message; of a chunk, all but its data.
    public let header: [UInt8]
    /// A chunk's data, which follows the header; nil for all other messages.
    public let payload: ByteSlice?

    /// The bytes to be sent in all.
    public var byteCount: Int { header.count + (payload?.count ?? 0) }

    /// The whole frame in one piece: a copy.
    public var array: [UInt8] { payload.map { header + $0.array } ?? header }
}
