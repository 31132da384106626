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

    init(_ hash: XXH128_hash_t) {
        self.init(high: hash.high64, low: hash.low64)
    }
}
