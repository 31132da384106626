// SPDX-License-Identifier: Apache-2.0

/// Hands out the bytes of an update that lies in memory.
public final class MemoryByteSource: UpdateByteSource {
    private let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject?
    private var position = 0

    /// Reads from an array.
    public convenience init(_ bytes: [UInt8]) {
        let owner = ArrayOwner(bytes)
        self.init(owner.buffer, owner: owner)
    }

    /// Reads from memory that `owner` keeps alive and unchanged.
    public init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject?) {
        self.bytes = bytes
        self.owner = owner
    }

    /// The bytes not yet handed out.
    public var remainingByteCount: Int { bytes.count - position }

    /// The next `count` bytes, valid as long as the owner.
    public func read(_ count: Int) throws(UpdateCodingError) -> UnsafeRawBufferPointer {
        precondition(count >= 0, "a read cannot have a negative length")
        guard count <= remainingByteCount else {
            throw UpdateCodingError(.truncated, "the coded update ends \(count - remainingByteCount) bytes too early")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }

    /// Copies an array to memory with a stable address.
    private final class ArrayOwner {
        let buffer: UnsafeRawBufferPointer

        init(_ bytes: [UInt8]) {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
            copy.copyBytes(from: bytes)
            buffer = UnsafeRawBufferPointer(copy)
        }

        deinit { buffer.deallocate() }
    }
}
