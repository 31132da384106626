// SPDX-License-Identifier: Apache-2.0

/// The memory of one frame that did not fit into what a single read delivered.
///
/// It goes back to its pool when nobody holds it any more, on whatever thread that happens.
final class FrameBuffer: @unchecked Sendable {
    // Safe: one assembler fills it before anybody else sees it; from then on it is only read.

    /// The frame's bytes, without the length word.
    let bytes: UnsafeMutableRawBufferPointer
    private let memory: UnsafeMutableRawBufferPointer
    private let pool: FrameBufferPool

    init(byteCount: Int, pool: FrameBufferPool) {
        self.pool = pool
        memory = pool.take(byteCount)
        bytes = UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])
    }

    deinit { pool.giveBack(memory) }
}
