// SPDX-License-Identifier: Apache-2.0
import Rounds
import Testing

@testable import Digest

@Suite struct BlobHasherTests {
    @Test func emptyBytesHaveTheDigestThatTheAlgorithmDefines() {
        #expect(BlobHasher().digest.description == "99aa06d3014798d86001c324468d497f")
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(BlobDigest(hashing: nothing).description == "99aa06d3014798d86001c324468d497f")
    }

    @Test(arguments: [1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1_024, 1_025, 100_000])
    func piecesHaveTheDigestOfTheWhole(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let whole = bytes.withUnsafeBytes { BlobDigest(hashing: $0) }
        for pieceBytes in [1, 7, 64, 255, 256, 4_096] {
            let hasher = BlobHasher()
            for start in stride(from: 0, to: count, by: pieceBytes) {
                bytes[start..<min(start + pieceBytes, count)].withUnsafeBytes { hasher.update($0) }
            }
            #expect(hasher.digest == whole)
            #expect(hasher.byteCount == count)
        }
    }

    @Test func changingAnyByteChangesTheDigest() {
        var bytes = [UInt8](repeating: 7, count: 300)
        let original = bytes.withUnsafeBytes { BlobDigest(hashing: $0) }
        for index in bytes.indices {
            bytes[index] ^= 1
            #expect(bytes.withUnsafeBytes { BlobDigest(hashing: $0) } != original)
            bytes[index] ^= 1
        }
    }

    @Test func resetForgetsEarlierBytes() {
        let hasher = BlobHasher()
        [UInt8](1...100).withUnsafeBytes { hasher.update($0) }
        hasher.reset()
        #expect(hasher.digest == BlobHasher().digest)
        #expect(hasher.byteCount == 0)
    }
}
