// SPDX-License-Identifier: Apache-2.0

/// The next so many bytes of another source.
final class BoundedByteSource: UpdateByteSource {
    private let base: any UpdateByteSource
    private(set) var remainingByteCount: Int

    /// - Precondition: the source has at least `count` bytes.
    init(_ base: any UpdateByteSource, count: Int) {
        precondition(count <= base.remainingByteCount, "a part cannot be longer than the whole")
        self.base = base
        remainingByteCount = count
    }

    func read(_ count: Int) throws(UpdateCodingError) -> UnsafeRawBufferPointer {
        guard count <= remainingByteCount else {
            throw UpdateCodingError(.truncated, "a part of the coded update ends too early")
        }
        let bytes = try base.read(count)
        remainingByteCount -= count
        return bytes
    }
}
