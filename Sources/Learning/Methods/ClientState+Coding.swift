// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import ModelState

/// The bytes of a state, little endian; vectors in ascending order of their names:
///
///     "TRCS" | version: u32 = 1 | vectors: u32 | { name bytes: u32 | name | elements: u64 | elements x f32 } ...
extension ClientState {
    private static let magic: UInt32 = 0x5343_5254
    private static let version: UInt32 = 1

    /// The state as bytes; the same state gives the same bytes.
    ///
    /// - Precondition: the vectors' names are among ``names``.
    public func encoded() -> [UInt8] {
        precondition(vectors.keys.allSatisfy(Self.names.contains), "a state's vectors have the names of methods")
        let size = vectors.reduce(12) { $0 + 4 + $1.key.utf8.count + 8 + $1.value.byteCount }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        Self.append(Self.magic, to: &bytes)
        Self.append(Self.version, to: &bytes)
        Self.append(UInt32(vectors.count), to: &bytes)
        for (name, vector) in vectors.sorted(by: { $0.key < $1.key }) {
            Self.append(UInt32(name.utf8.count), to: &bytes)
            bytes.append(contentsOf: name.utf8)
            Self.append(UInt64(vector.count), to: &bytes)
            vector.withElements { elements in
                #if _endian(little)
                bytes.append(contentsOf: UnsafeRawBufferPointer(elements))
                #else
                for element in elements { Self.append(element.bitPattern, to: &bytes) }
                #endif
            }
        }
        return bytes
    }

    private static func append<Word: FixedWidthInteger>(_ word: Word, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Reads what ``encoded()`` wrote; bytes from anywhere are safe, and take no more memory than they have themselves.
    ///
    /// - Parameter elementCount: the number of the model's elements, the most that a vector may have.
    /// - Throws: ``LearningError`` with code `malformedFile` for anything but a whole state of known, different vectors
    ///   of finite numbers; `unsupportedType` for a state of a later version.
    public init(decoding bytes: UnsafeRawBufferPointer, elementCount: Int) throws {
        self.init()
        var reader = Reader(bytes: bytes)
        guard try reader.word(UInt32.self) == Self.magic else { throw Self.malformed("it begins otherwise") }
        let version = try reader.word(UInt32.self)
        guard version == Self.version else {
            throw LearningError(
                .unsupportedType,
                "a client's state of version \(version) cannot be read, only \(Self.version); use a newer release"
            )
        }
        let count = try reader.word(UInt32.self)
        guard count <= Self.names.count else { throw Self.malformed("\(count) vectors are more than there are names") }
        var last = ""
        for _ in 0..<count {
            let name = try reader.name()
            guard Self.names.contains(name), name > last else {
                throw Self.malformed("a vector's name is unknown or out of order")
            }
            last = name
            let elements = try reader.word(UInt64.self)
            guard elements <= UInt64(max(elementCount, 0)) else {
                throw Self.malformed("'\(name)' has \(elements) elements, the model \(elementCount)")
            }
            let vector = try reader.vector(count: Int(elements))
            guard vector.isFinite else { throw Self.malformed("'\(name)' has elements that are not numbers") }
            vectors[name] = vector
        }
        guard reader.isAtEnd else { throw Self.malformed("\(reader.left) bytes are left over") }
    }

    /// Reads what ``encoded()`` wrote, from an array.
    ///
    /// - Throws: as the decoding of a buffer.
    public init(decoding bytes: [UInt8], elementCount: Int) throws {
        self = try bytes.withUnsafeBytes { try ClientState(decoding: $0, elementCount: elementCount) }
    }

    private static func malformed(_ what: String) -> LearningError {
        LearningError(.malformedFile, "the bytes are not a client's state: \(what); remove it to begin anew")
    }

    /// Takes parts off the front of some bytes.
    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var position = 0

        var left: Int { bytes.count - position }
        var isAtEnd: Bool { left == 0 }

        private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
            guard count <= left else { throw ClientState.malformed("it ends after \(bytes.count) bytes") }
            defer { position += count }
            return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
        }

        mutating func word<Word: FixedWidthInteger>(_: Word.Type) throws -> Word {
            Word(littleEndian: try take(MemoryLayout<Word>.size).loadUnaligned(as: Word.self))
        }

        mutating func name() throws -> String {
            let length = try word(UInt32.self)
            guard length <= 64 else { throw ClientState.malformed("a name of \(length) bytes") }
            return String(decoding: try take(Int(length)), as: UTF8.self)
        }

        mutating func vector(count: Int) throws -> ParameterVector {
            let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
            guard !overflow else { throw ClientState.malformed("\(count) elements") }
            let source = try take(byteCount)
            var vector = ParameterVector(zeros: count)
            vector.withMutableElements { elements in
                #if _endian(little)
                if let from = source.baseAddress, let to = elements.baseAddress { memcpy(to, from, byteCount) }
                #else
                for index in elements.indices {
                    let word = source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                    elements[index] = Float(bitPattern: UInt32(littleEndian: word))
                }
                #endif
            }
            return vector
        }
    }
}
