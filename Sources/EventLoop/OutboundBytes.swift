// SPDX-License-Identifier: Apache-2.0

/// A piece of memory to be sent, and what keeps that memory alive.
public struct OutboundBytes {
    /// The memory to send.
    public let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` valid and unchanged; retained until the kernel has taken them.
    ///
    /// Without an owner the memory is borrowed for the call only: what the kernel does not take at once is copied.
    public let owner: AnyObject?

    /// Memory that `owner` keeps valid and unchanged for as long as it lives; it is never copied.
    public init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.bytes = bytes
        self.owner = owner
    }

    /// Memory that is valid during the call of `write` only, meant for small pieces such as a frame's header.
    public init(borrowing bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        self.owner = nil
    }
}
