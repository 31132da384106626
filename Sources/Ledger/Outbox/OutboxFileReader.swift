// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// Reads pieces of an outbox file into buffers that come back when their slices are done with.
///
/// Not a memory map: a device that fails under a map kills the process instead of giving an error.
final class OutboxFileReader: OutboxReader, @unchecked Sendable {
    // Safe: the spare buffers are touched under the lock only.

    private static let bufferBytes = Limits.chunkBytes
    private static let spareLimit = 4

    private final class Piece: @unchecked Sendable {
        // Safe: written before anybody else sees it.
        let memory: UnsafeMutableRawBufferPointer
        let reader: OutboxFileReader

        init(_ memory: UnsafeMutableRawBufferPointer, _ reader: OutboxFileReader) {
            self.memory = memory
            self.reader = reader
        }

        deinit { reader.takeBack(memory) }
    }

    let byteCount: Int
    private let lease: FileLease
    private let lock = MutexLock()
    private var spares: [UnsafeMutableRawBufferPointer] = []

    init(_ lease: FileLease, byteCount: Int) {
        self.lease = lease
        self.byteCount = byteCount
    }

    deinit {
        for spare in spares { spare.deallocate() }
    }

    func slice(offset: Int, count: Int) throws(LedgerError) -> ByteSlice {
        precondition(offset >= 0 && count >= 0 && offset <= byteCount - count, "a piece outside the update")
        let piece = Piece(buffer(count), self)
        let room = UnsafeMutableRawBufferPointer(rebasing: piece.memory[..<count])
        try lease.read(at: OutboxHeader.byteCount + offset, into: room)
        return ByteSlice(UnsafeRawBufferPointer(room), owner: piece)
    }

    private func buffer(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let size = min(Self.bufferBytes, max(byteCount, 1))
        guard count <= size else { return .allocate(byteCount: count, alignment: 64) }
        return lock.withLock { spares.popLast() } ?? .allocate(byteCount: size, alignment: 64)
    }

    private func takeBack(_ memory: UnsafeMutableRawBufferPointer) {
        let isKept = lock.withLock {
            guard memory.count == min(Self.bufferBytes, max(byteCount, 1)), spares.count < Self.spareLimit else {
                return false
            }
            spares.append(memory)
            return true
        }
        if !isKept { memory.deallocate() }
    }
}
