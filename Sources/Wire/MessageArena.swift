// SPDX-License-Identifier: Apache-2.0
internal import CProtobufC
internal import Glibc

/// The memory of one unpacked or unfinished message: handed out piece by piece, given back all at once.
///
/// protobuf-c may take many times a message's bytes to unpack it, so hostile bytes could exhaust the memory. Past its
/// cap the arena hands out nothing more and unpacking fails.
final class MessageArena {
    private struct State {
        var next: UnsafeMutableRawPointer
        var remaining: Int
        /// Bytes that may still be handed out before the cap.
        var allowance: Int
        /// Whether more was asked for than the cap allows.
        var isExhausted: Bool
        /// The blocks beyond the first; each begins with a pointer to the one before it.
        var lastBlock: UnsafeMutableRawPointer?
    }

    private static let firstBlockBytes = 8 << 10
    private static let laterBlockBytes = 64 << 10
    private static let alignment = 16

    private let state: UnsafeMutablePointer<State>
    private let firstBlock: UnsafeMutableRawPointer
    /// Takes memory from this arena on behalf of protobuf-c.
    let allocator: UnsafeMutablePointer<ProtobufCAllocator>

    /// Creates an arena that has handed out nothing.
    init() {
        firstBlock = .allocate(byteCount: Self.firstBlockBytes, alignment: Self.alignment)
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                next: firstBlock,
                remaining: Self.firstBlockBytes,
                allowance: 0,
                isExhausted: false,
                lastBlock: nil
            )
        )
        allocator = .allocate(capacity: 1)
        allocator.initialize(
            to: ProtobufCAllocator(
                alloc: { MessageArena.take($1, from: $0) },
                free: { _, _ in },
                allocator_data: state
            )
        )
    }

    deinit {
        reset(allowance: 0)
        allocator.deallocate()
        state.deallocate()
        firstBlock.deallocate()
    }

    /// Takes everything back and allows `allowance` bytes from now on.
    func reset(allowance: Int) {
        while let block = state.pointee.lastBlock {
            state.pointee.lastBlock = block.load(as: UnsafeMutableRawPointer?.self)
            free(block)
        }
        state.pointee.next = firstBlock
        state.pointee.remaining = Self.firstBlockBytes
        state.pointee.allowance = allowance
        state.pointee.isExhausted = false
    }

    /// Whether more was asked for than the cap allows.
    var isExhausted: Bool { state.pointee.isExhausted }

    /// Hands out `count` bytes, aligned for any C type; nil past the cap.
    func take(_ count: Int) -> UnsafeMutableRawPointer? {
        Self.take(count, from: UnsafeMutableRawPointer(state))
    }

    private static func take(_ count: Int, from data: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let state = data?.assumingMemoryBound(to: State.self) else { return nil }
        guard count >= 0, count <= state.pointee.allowance else {
            state.pointee.isExhausted = true
            return nil
        }
        let padded = (count + alignment - 1) & ~(alignment - 1)
        if padded > state.pointee.remaining {
            guard addBlock(atLeast: padded, to: state) else { return nil }
        }
        let bytes = state.pointee.next
        state.pointee.next += padded
        state.pointee.remaining -= padded
        state.pointee.allowance -= padded
        return bytes
    }

    private static func addBlock(atLeast count: Int, to state: UnsafeMutablePointer<State>) -> Bool {
        let capacity = max(laterBlockBytes, count)
        guard let block = malloc(alignment + capacity) else { return false }
        block.storeBytes(of: state.pointee.lastBlock, as: UnsafeMutableRawPointer?.self)
        state.pointee.lastBlock = block
        state.pointee.next = block + alignment
        state.pointee.remaining = capacity
        return true
    }
}
