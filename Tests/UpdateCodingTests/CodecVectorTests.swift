// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelState
import Randomness
import Testing
import UpdateCoding

/// The byte-exact vectors of `Protocols/vectors/codecs.json`, which other languages test against too.
///
/// To write them anew after a deliberate change of a format: `WRITE_CODEC_VECTORS=1 swift test --filter
/// CodecVectorTests`.
@Suite struct CodecVectorTests {
    struct Vector: Codable, Equatable {
        var codec: String
        /// `small` (the network's layout) or `large` (one tensor of 70001).
        var input: String
        var seed: String
        var length: Int
        /// All bytes of a small update in hexadecimal, if at most 8192; else the first 64.
        var bytes: String
        /// FNV-1a, 64 bits, of all coded bytes.
        var digest: String
        /// FNV-1a, 64 bits, of the decoded floats' little-endian bytes.
        var decodedDigest: String
    }

    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Protocols/vectors/codecs.json")

    /// Exact in every language: the sum of three 16-bit parts of SplitMix64's output for i, centred, times a power of
    /// two; one run of 100 in 700 is zero.
    private static func input(_ count: Int) -> ParameterVector {
        ParameterVector(
            (0..<count).map { index in
                if index / 100 % 7 == 3 { return 0 }
                var word = UInt64(index) &* 0x9E37_79B9_7F4A_7C15
                word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
                word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
                word ^= word >> 31
                let sum = Int(word & 0xFFFF) + Int(word >> 16 & 0xFFFF) + Int(word >> 32 & 0xFFFF) - 98_302
                return Float(sum) * Float(sign: .plus, exponent: -(16 + index / 1000 % 7), significand: 1)
            }
        )
    }

    private static func digest(_ bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return String(format: "%016lx", hash)
    }

    private static func vector(_ specification: String, _ input: String) throws -> Vector {
        let layout = input == "small" ? try TestVectors.network() : try TestVectors.flat(70_001)
        let codec = try CodecRegistry.codec(specification)
        let seed = Seed(0x0123_4567_89AB_CDEF)
        let bytes = try codec.encodeAll(Self.input(layout.elementCount), layout: layout, seed: seed)
        let decoded = try codec.decodeAll(bytes, layout: layout, seed: seed)
        let shown = input == "small" && bytes.count <= 8192 ? bytes : Array(bytes.prefix(64))
        return Vector(
            codec: specification,
            input: input,
            seed: seed.description,
            length: bytes.count,
            bytes: shown.map { String(format: "%02x", $0) }.joined(),
            digest: digest(bytes),
            decodedDigest: decoded.elements.withUnsafeBytes { digest($0) }
        )
    }

    private static func stored() throws -> [Vector] {
        try JSONDecoder().decode([Vector].self, from: try Data(contentsOf: path))
    }

    @Test func codedBytesAreTheStoredOnes() throws {
        if ProcessInfo.processInfo.environment["WRITE_CODEC_VECTORS"] != nil {
            let vectors = try TestVectors.specifications.flatMap { specification in
                try ["small", "large"].map { try Self.vector(specification, $0) }
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(vectors).write(to: Self.path)
        }
        let stored = try Self.stored()
        #expect(stored.count == 2 * TestVectors.specifications.count)
        for vector in stored { #expect(try Self.vector(vector.codec, vector.input) == vector) }
    }
}
