// SPDX-License-Identifier: Apache-2.0
internal import CXXHash
public import Rounds

extension BlobDigest {
    /// Computes the digest of bytes: XXH3 with 128 bits and seed 0.
    public init(hashing bytes: UnsafeRawBufferPointer) {
        self.init(XXH3_128bits(bytes.baseAddress, bytes.count))
    }

    /// Computes the digest of bytes.
    public init(hashing bytes: ByteSlice) {
        self.init(hashing: bytes.bytes)
        withExtendedLifetime(bytes.owner) {}
    }

    /// Computes the digest of other digests: of their 16 bytes each, the high half first, big endian.
    public init(hashingDigests digests: [BlobDigest]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digests.count * BlobDigest.byteCount)
        for digest in digests {
            withUnsafeBytes(of: digest.high.bigEndian) { bytes += $0 }
            withUnsafeBytes(of: digest.low.bigEndian) { bytes += $0 }
        }
        self = bytes.withUnsafeBytes { BlobDigest(hashing: $0) }
    }

    init(_ hash: XXH128_hash_t) {
        self.init(high: hash.high64, low: hash.low64)
    }
}
