// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// The bytes of a coded model or update, to be sent piece by piece.
public protocol BlobSource: AnyObject {
    /// The bytes in all.
    var byteCount: Int { get }

    /// A piece, valid as long as it is held.
    func slice(offset: Int, count: Int) throws -> ByteSlice
}

/// A blob that lies in memory.
public final class MemoryBlob: BlobSource {
    private let content: ByteSlice

    /// Wraps bytes.
    public init(_ content: ByteSlice) {
        self.content = content
    }

    /// The bytes in all.
    public var byteCount: Int { content.count }

    /// A piece; nothing is copied.
    public func slice(offset: Int, count: Int) throws -> ByteSlice {
        ByteSlice(UnsafeRawBufferPointer(rebasing: content.bytes[offset..<(offset + count)]), owner: content.owner)
    }
}
