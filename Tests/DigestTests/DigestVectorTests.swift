// SPDX-License-Identifier: Apache-2.0
import Foundation
import Rounds
import Testing

@testable import Digest

/// Holds the digests to the vectors, which another implementation of XXH3 made.
@Suite struct DigestVectorTests {
    private struct Vectors: Decodable {
        struct Vector: Decodable {
            var name: String
            var hex: String
            var `repeat`: Int?
            var digest: String
        }
        var digests: [Vector]
    }

    @Test func digestsAreThoseOfTheVectors() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Protocols/vectors/messages.json")
        let vectors = try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file)).digests
        #expect(vectors.count >= 6)
        for vector in vectors {
            let digits = Array(vector.hex)
            let part = try stride(from: 0, to: digits.count, by: 2).map {
                try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
            }
            let bytes = Array(repeatElement(part, count: vector.repeat ?? 1).joined())
            #expect(bytes.withUnsafeBytes { BlobDigest(hashing: $0) }.description == vector.digest, "\(vector.name)")
            #expect(BlobDigest(hashing: ByteSlice(copying: bytes)).description == vector.digest, "\(vector.name)")
        }
    }
}
