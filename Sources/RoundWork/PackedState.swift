// SPDX-License-Identifier: Apache-2.0

import Digest
import FoundationEssentials
package import ModelState
package import Rounds

/// A few words and some long vectors as one run of bytes that can tell whether it is whole.
///
///     "TRIBPACK", bytes of the words (u64), the words (JSON), the blobs one after the other, XXH3-128 of all before
///
/// Integers and floats are little-endian.
package struct PackedState: Sendable {
    /// Says what is wrong with bytes that are no such state.
    package struct DamageError: Error, CustomStringConvertible {
        package let description: String
    }

    private struct Words: Codable {
        var texts: [String: String]
        var blobs: [Blob]
    }

    private struct Blob: Codable {
        var name: String
        var byteCount: Int
    }

    private static let magic = Array("TRIBPACK".utf8)

    /// Short texts by name.
    package var texts: [String: String] = [:]
    /// Long runs of bytes by name, in their order.
    package private(set) var blobs: [(name: String, bytes: ByteSlice)] = []

    /// Creates an empty state.
    package init() {}

    /// Adds bytes, which are shared.
    package mutating func add(_ name: String, _ bytes: ByteSlice) { blobs.append((name, bytes)) }

    /// Adds a vector's elements, which are shared.
    package mutating func add(_ name: String, _ vector: ParameterVector) {
        let (bytes, owner) = vector.sharedBytes
        add(name, ByteSlice(bytes, owner: owner))
    }

    /// The bytes of a name.
    package func bytes(_ name: String) -> ByteSlice? { blobs.first { $0.name == name }?.bytes }

    /// The vectors whose names begin with a prefix, without it.
    package func vectors(under prefix: String) -> [String: ParameterVector] {
        var found: [String: ParameterVector] = [:]
        for (name, slice) in blobs where name.hasPrefix(prefix) {
            found[String(name.dropFirst(prefix.count))] = Self.vector(slice)
        }
        return found
    }

    private static func vector(_ slice: ByteSlice) -> ParameterVector {
        var vector = ParameterVector(zeros: slice.count / MemoryLayout<Float>.stride)
        vector.withMutableElements {
            UnsafeMutableRawBufferPointer($0).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: slice.bytes[..<($0.count * MemoryLayout<Float>.stride)])
            )
        }
        return vector
    }

    /// Hands out all bytes in order, piece by piece.
    package func write<Failure: Error>(_ append: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        let hasher = BlobHasher()
        func put(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
            hasher.update(bytes)
            try append(bytes)
        }
        func put(_ bytes: [UInt8]) throws(Failure) {
            let slice = ByteSlice(copying: bytes)
            try put(slice.bytes)
            withExtendedLifetime(slice) {}
        }
        let words = encodedWords
        try put(Self.magic + Self.littleEndian(UInt64(words.count)) + words)
        for (_, slice) in blobs {
            try put(slice.bytes)
            withExtendedLifetime(slice) {}
        }
        let digest = hasher.digest
        let trailer = ByteSlice(copying: Self.littleEndian(digest.low) + Self.littleEndian(digest.high))
        try append(trailer.bytes)
        withExtendedLifetime(trailer) {}
    }

    /// The bytes that ``write(_:)`` hands out.
    package var byteCount: Int { 16 + encodedWords.count + blobs.reduce(0) { $0 + $1.bytes.count } + 16 }

    private var encodedWords: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let words = Words(texts: texts, blobs: blobs.map { Blob(name: $0.name, byteCount: $0.bytes.count) })
        guard let data = try? encoder.encode(words) else { preconditionFailure("texts and counts encode as JSON") }
        return Array(data)
    }

    /// Reads a state; its blobs share the bytes given.
    ///
    /// - Throws: ``DamageError`` where the bytes are cut, changed or of another kind.
    package init(decoding all: ByteSlice) throws {
        let bytes = all.bytes
        guard bytes.count >= 32, bytes.prefix(8).elementsEqual(Self.magic) else {
            throw DamageError(description: "a state file that does not begin as one")
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 16)])
        let digest = BlobDigest(hashing: body)
        guard Self.word(bytes, bytes.count - 16) == digest.low, Self.word(bytes, bytes.count - 8) == digest.high else {
            throw DamageError(description: "a state file whose digest does not fit its contents")
        }
        guard let wordCount = Int(exactly: Self.word(bytes, 8)), wordCount <= body.count - 16,
            let words = try? JSONDecoder().decode(Words.self, from: Data(bytes[16..<(16 + wordCount)]))
        else { throw DamageError(description: "a state file whose first words cannot be read") }
        texts = words.texts
        var offset = 16 + wordCount
        for blob in words.blobs {
            guard blob.byteCount >= 0, blob.byteCount <= body.count - offset else {
                throw DamageError(description: "a state file that is shorter than it says")
            }
            let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + blob.byteCount)])
            blobs.append((blob.name, ByteSlice(part, owner: all.owner)))
            offset += blob.byteCount
        }
    }

    private static func littleEndian(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
