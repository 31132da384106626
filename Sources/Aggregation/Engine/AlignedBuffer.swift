// SPDX-License-Identifier: Apache-2.0

/// Owns uninitialised memory, for numbers or pointers, that begins at a cache line; kernels that cross lines at every
/// load are slower.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    // Safe: whoever shares a buffer between threads gives each its own slice.

    private let memory: UnsafeMutableRawBufferPointer
    let base: UnsafeMutablePointer<Element>
    let count: Int

    init(count: Int) {
        self.count = count
        memory = .allocate(byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64)
        base = memory.bindMemory(to: Element.self).baseAddress!  // never nil: at least one element was allocated
    }

    deinit { memory.deallocate() }

    /// `length` elements from `start`.
    func slice(_ start: Int, _ length: Int) -> UnsafeMutableBufferPointer<Element> {
        precondition(start >= 0 && length >= 0 && start + length <= count, "a slice outside its buffer")
        return UnsafeMutableBufferPointer(start: base + start, count: length)
    }
}
