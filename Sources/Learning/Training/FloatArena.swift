// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One zeroed block of floats from which the buffers of a trainer are cut, each aligned to 64 bytes.
final class FloatArena {
    private let base: UnsafeMutablePointer<Float>
    private let capacity: Int
    private var used = 0

    /// The floats that a buffer of `count` floats takes.
    static func footprint(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    init(capacity: Int) {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: max(capacity, 16) * 4, alignment: 64)
        memset(raw, 0, max(capacity, 16) * 4)
        base = raw.bindMemory(to: Float.self, capacity: max(capacity, 16))
        self.capacity = max(capacity, 16)
    }

    deinit {
        UnsafeMutableRawPointer(base).deallocate()
    }

    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        precondition(used + Self.footprint(count) <= capacity, "the arena was sized for all its buffers")
        defer { used += Self.footprint(count) }
        return base + used
    }
}
