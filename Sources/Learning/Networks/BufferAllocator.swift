// SPDX-License-Identifier: Apache-2.0

/// Cuts the buffers of a network from one arena: the same code first counts what it takes, then takes it.
struct BufferAllocator {
    private let arena: FloatArena?
    private(set) var count = 0

    /// Counts only; the pointers that it gives must not be used.
    init() { arena = nil }

    /// Takes from an arena of as many floats as were counted.
    init(arena: FloatArena) { self.arena = arena }

    /// Zeroed floats, aligned to 64 bytes.
    mutating func floats(_ floats: Int) -> UnsafeMutablePointer<Float> {
        count += FloatArena.footprint(floats)
        guard let arena else {
            // No buffer is read or written while they are counted: any address does.
            return UnsafeMutablePointer(bitPattern: 64)!  // 64 is not zero
        }
        return arena.take(floats)
    }

    /// Zeroed values of another type of at most 4 bytes.
    mutating func values<Value>(_ type: Value.Type, _ number: Int) -> UnsafeMutablePointer<Value> {
        let bytes = number * MemoryLayout<Value>.stride
        return UnsafeMutableRawPointer(floats((bytes + 3) / 4)).bindMemory(to: type, capacity: number)
    }
}
