// SPDX-License-Identifier: Apache-2.0

/// Immutable bytes somewhere in memory, together with the object that keeps them alive.
///
/// Chunks of models and updates travel as slices, so that a megabyte goes from the socket to the spool without a copy.
public struct ByteSlice: @unchecked Sendable {
    // Safe: the bytes are never written as long as the owner lives, and the owner is held here.

    /// The bytes, valid as long as this slice or its owner is held.
    public let bytes: UnsafeRawBufferPointer
    /// Keeps the bytes alive.
    public let owner: (any AnyObject & Sendable)?

    /// Refers to bytes that `owner` keeps alive and unchanged.
    public init(_ bytes: UnsafeRawBufferPointer, owner: (any AnyObject & Sendable)?) {
        self.bytes = bytes
        self.owner = owner
    }

    /// Copies an array to memory of its own.
    public init(copying array: [UInt8]) {
        let storage = Storage(array)
        self.init(UnsafeRawBufferPointer(storage.bytes), owner: storage)
    }

    /// The number of bytes.
    public var count: Int { bytes.count }

    /// The bytes as an array.
    public var array: [UInt8] {
        defer { withExtendedLifetime(owner) {} }
        return Array(bytes)
    }

    private final class Storage: @unchecked Sendable {
        // Safe: written in the initialiser only.
        let bytes: UnsafeMutableRawBufferPointer

        init(_ array: [UInt8]) {
            bytes = .allocate(byteCount: array.count, alignment: 16)
            bytes.copyBytes(from: array)
        }

        deinit { bytes.deallocate() }
    }
}
