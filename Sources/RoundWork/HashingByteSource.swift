// SPDX-License-Identifier: Apache-2.0

import Digest
import Rounds
import UpdateCoding

/// Hashes the bytes of an update while a decoder reads them, so that checking takes one pass.
final class HashingByteSource: UpdateByteSource {
    private let source: any UpdateByteSource
    private let hasher = BlobHasher()

    init(_ source: any UpdateByteSource) {
        self.source = source
    }

    var remainingByteCount: Int { source.remainingByteCount }

    func read(_ count: Int) throws(UpdateCodingError) -> UnsafeRawBufferPointer {
        let bytes = try source.read(count)
        hasher.update(bytes)
        return bytes
    }

    /// The digest of all bytes; reads those that the decoder left.
    func digestOfAll() throws(UpdateCodingError) -> BlobDigest {
        while remainingByteCount > 0 { _ = try read(min(remainingByteCount, 1 << 18)) }
        return hasher.digest
    }
}
