// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Rounds

/// A 128-bit digest for virtual worlds: two independent 64-bit mixing hashes.
///
/// The shells on real disks use XXH3.
public enum ContentDigest {
    /// The digest of bytes.
    public static func of(_ bytes: UnsafeRawBufferPointer) -> BlobDigest {
        var high: UInt64 = 0x4528_21E6_38D0_1377 ^ UInt64(bytes.count)
        var low: UInt64 = 0xBE54_66CF_34E9_0C6C &+ UInt64(bytes.count)
        var offset = 0
        while offset < bytes.count {
            var word: UInt64 = 0
            if offset + 8 <= bytes.count {
                word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
            } else {
                for index in offset..<bytes.count { word = word << 8 | UInt64(bytes[index]) }
            }
            high = (high ^ word) &* 0x9E37_79B9_7F4A_7C15
            high ^= high >> 31
            low = (low &+ word) &* 0xC2B2_AE3D_27D4_EB4F
            low ^= low >> 29
            offset += 8
        }
        return BlobDigest(high: WordHash.mix(high, low, 1), low: WordHash.mix(low, high, 2))
    }

    /// The digest of bytes.
    public static func of(_ bytes: [UInt8]) -> BlobDigest {
        bytes.withUnsafeBytes { of($0) }
    }

    /// The digest of a vector's elements as 32-bit floats.
    public static func of(_ vector: ParameterVector) -> BlobDigest {
        vector.withElements { of(UnsafeRawBufferPointer($0)) }
    }
}
