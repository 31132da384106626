// SPDX-License-Identifier: Apache-2.0
internal import CXXHash
public import Rounds

/// Computes the digest of bytes that come piece by piece: XXH3 with 128 bits and seed 0.
///
/// However the bytes are cut, the digest is that of all of them in their order. A hasher takes about 600 bytes and is
/// used by one thread at a time.
public final class BlobHasher {
    private let state: OpaquePointer
    /// The bytes taken so far.
    public private(set) var byteCount = 0

    /// Creates a hasher that has seen no bytes.
    public init() {
        guard let state = XXH3_createState() else {
            preconditionFailure("there is memory for a hasher of 600 bytes")
        }
        self.state = state
        reset()
    }

    deinit { XXH3_freeState(state) }

    /// Takes the next bytes.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        XXH3_128bits_update(state, base, bytes.count)
        byteCount += bytes.count
    }

    /// The digest of the bytes taken so far; more may follow.
    public var digest: BlobDigest { BlobDigest(XXH3_128bits_digest(state)) }

    /// Forgets all bytes.
    public func reset() {
        XXH3_128bits_reset(state)
        byteCount = 0
    }
}
