// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import UpdateCoding

/// Hands out the bytes of a spooled update in order, through one buffer.
///
/// The bytes stay those of the update for as long as this object lives, even when the update is discarded meanwhile.
public final class SpoolByteSource: UpdateByteSource {
    /// The size of the buffer; a larger single read makes it larger, up to what remains of the update.
    public static let bufferBytes = 512 << 10

    private let lease: FileLease
    private let byteCount: Int
    private var buffer: UnsafeMutableRawBufferPointer
    /// Where the next byte of the file goes into the buffer, and where the next byte for the caller stands.
    private var filled = 0
    private var taken = 0
    private var fileOffset = 0

    init(_ lease: FileLease, byteCount: Int) {
        self.lease = lease
        self.byteCount = byteCount
        buffer = .allocate(byteCount: min(Self.bufferBytes, max(byteCount, 1)), alignment: 64)
        posix_fadvise(lease.descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit {
        buffer.deallocate()
    }

    /// The bytes not yet handed out.
    public var remainingByteCount: Int { byteCount - fileOffset + filled - taken }

    /// Begins again with the first byte.
    public func rewind() {
        filled = 0
        taken = 0
        fileOffset = 0
    }

    /// The next `count` bytes, valid until the next call.
    ///
    /// - Throws: ``UpdateCodingError`` with code `truncated` when fewer remain, `sourceFailed` when they cannot be
    ///   read.
    public func read(_ count: Int) throws(UpdateCodingError) -> UnsafeRawBufferPointer {
        precondition(count >= 0, "a read cannot have a negative length")
        guard count <= remainingByteCount else {
            let missing = count - remainingByteCount
            throw UpdateCodingError(.truncated, "the coded update ends \(missing) bytes too early")
        }
        if filled - taken < count { try fill(atLeast: count) }
        defer { taken += count }
        return UnsafeRawBufferPointer(rebasing: buffer[taken..<(taken + count)])
    }

    private func fill(atLeast count: Int) throws(UpdateCodingError) {
        let kept = UnsafeRawBufferPointer(rebasing: buffer[taken..<filled])
        if count > buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
            larger.copyMemory(from: kept)
            buffer.deallocate()
            buffer = larger
        } else {
            // The regions may overlap, which this copy allows.
            buffer.copyMemory(from: kept)
        }
        filled -= taken
        taken = 0
        let wanted = min(buffer.count - filled, byteCount - fileOffset)
        do throws(LedgerError) {
            try lease.read(
                at: SpoolHeader.dataOffset + fileOffset,
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<(filled + wanted)])
            )
        } catch {
            throw UpdateCodingError(.sourceFailed, error.message)
        }
        filled += wanted
        fileOffset += wanted
    }
}
