// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import ModelState

/// One zeroed block of floats from which the buffers of a trainer are cut, each aligned to 64 bytes.
final class FloatArena {
    private let base: UnsafeMutablePointer<Float>
    private let capacity: Int
    private var used = 0
    /// The bytes from which on a block is worth huge pages.
    private static let hugeBytes = 1 << 19

    /// The floats that a buffer of `count` floats takes.
    static func footprint(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    private static func rounded(_ byteCount: Int) -> Int {
        (byteCount + HugePages.byteCount - 1) / HugePages.byteCount * HugePages.byteCount
    }

    init(capacity: Int) {
        let byteCount = max(capacity, 16) * 4
        // A network's parameters in few pages: their translations are found at once, whatever the samples displace.
        let isLarge = byteCount >= Self.hugeBytes
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: isLarge ? Self.rounded(byteCount) : byteCount,
            alignment: isLarge ? HugePages.byteCount : 64
        )
        if isLarge { HugePages.advise(UnsafeRawBufferPointer(start: raw, count: Self.rounded(byteCount))) }
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
