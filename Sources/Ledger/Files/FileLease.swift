// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An open file whose bytes stay what they are for as long as this object lives.
final class FileLease: Sendable {
    let descriptor: Int32
    let path: String
    private let release: @Sendable () -> Void

    init(descriptor: Int32, path: String, release: @escaping @Sendable () -> Void) {
        self.descriptor = descriptor
        self.path = path
        self.release = release
    }

    deinit {
        close(descriptor)
        release()
    }

    /// Fills `buffer` from an offset.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LedgerError) {
        let count = try FileCalls.read(descriptor, at: offset, into: buffer, path)
        guard count == buffer.count else {
            throw LedgerError(.corrupt, "\(path) ends at byte \(offset + count), before its contents do")
        }
    }
}
