// SPDX-License-Identifier: Apache-2.0

/// Keeps the memory of a few large frames for the next ones, so that a stream of chunks does not go to the allocator.
///
/// One pool serves all connections of a loop; it may be used by any thread.
public final class FrameBufferPool: @unchecked Sendable {
    // Safe: `free` is read and written under the lock only.

    /// Frames below this size are left to the allocator, which is fast for them.
    static let pooledBytes = 64 << 10
    private static let granuleBytes = 64 << 10

    private let capacityBytes: Int
    private let lock = Lock()
    private var free: [UnsafeMutableRawBufferPointer] = []
    private var freeBytes = 0

    /// Creates a pool that keeps at most `capacityBytes` while they are not in use.
    public init(capacityBytes: Int = 16 << 20) {
        self.capacityBytes = capacityBytes
    }

    deinit {
        for memory in free { memory.deallocate() }
    }

    /// The bytes that are kept for later.
    public var keptBytes: Int { lock.withLock { freeBytes } }

    /// Memory of at least `count` bytes.
    func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
        guard count >= Self.pooledBytes else { return .allocate(byteCount: count, alignment: 16) }
        let wanted = (count + Self.granuleBytes - 1) / Self.granuleBytes * Self.granuleBytes
        let kept = lock.withLock { () -> UnsafeMutableRawBufferPointer? in
            guard let index = free.lastIndex(where: { $0.count >= wanted && $0.count <= 2 * wanted }) else {
                return nil
            }
            let memory = free.remove(at: index)
            freeBytes -= memory.count
            return memory
        }
        return kept ?? .allocate(byteCount: wanted, alignment: 16)
    }

    /// Takes memory back.
    func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        let isKept = lock.withLock {
            guard memory.count >= Self.pooledBytes, freeBytes + memory.count <= capacityBytes else { return false }
            free.append(memory)
            freeBytes += memory.count
            return true
        }
        if !isKept { memory.deallocate() }
    }
}
