// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Owns an aligned block of 32-bit floats outside the Swift heap.
///
/// Small blocks are aligned to 64 bytes (a cache line, an AVX-512 register). Blocks of 4 MiB and more are mapped on
/// their own and ask for huge pages: first touching 100 MB in 4 KiB pages costs about as much as transferring it.
final class FloatStorage: @unchecked Sendable {
    // Safe: the memory is written only through `ParameterVector`, which makes sure that it is the only owner first.

    private static let mappingThresholdBytes = 4 << 20

    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let mappedBytes: Int

    /// Allocates `count` floats, all zero.
    init(zeroed count: Int) {
        precondition(count >= 0, "a vector cannot have a negative number of elements")
        self.count = count
        let byteCount = max(count, 1) * MemoryLayout<Float>.stride
        if byteCount >= Self.mappingThresholdBytes {
            let rounded = (byteCount + HugePages.byteCount - 1) / HugePages.byteCount * HugePages.byteCount
            let flags = MAP_PRIVATE | MAP_ANONYMOUS
            guard let memory = mmap(nil, rounded, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
                preconditionFailure("out of memory: no room for a vector of \(count) floats (\(rounded >> 20) MiB)")
            }
            HugePages.advise(UnsafeRawBufferPointer(start: memory, count: rounded))
            mappedBytes = rounded
            base = memory.bindMemory(to: Float.self, capacity: count)
        } else {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: (byteCount + 63) & ~63, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: (byteCount + 63) & ~63)
            mappedBytes = 0
            base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
        }
    }

    deinit {
        if mappedBytes > 0 {
            munmap(base, mappedBytes)
        } else {
            UnsafeMutableRawPointer(base).deallocate()
        }
    }
}
