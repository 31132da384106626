// SPDX-License-Identifier: Apache-2.0

/// The members of a zip file, stored or deflated, as NumPy writes them.
struct ZipArchive {
    /// A member's place in the file, from the central directory.
    struct Member {
        let name: String
        let method: Int
        let crc: UInt32
        let compressedSize: Int
        let size: Int
        let headerOffset: Int
    }

    private static let maximumMemberCount = 4096
    private let bytes: [UInt8]
    private let path: String
    let members: [Member]

    /// Reads the central directory.
    ///
    /// - Throws: ``LearningError`` with code `malformedFile`, `tooLarge` or `unsupportedType`.
    init(_ bytes: [UInt8], path: String) throws {
        self.bytes = bytes
        self.path = path
        // The end record: signature, ..., member count at 10, directory size at 12 and offset at 16, comment length at
        // 20.
        let lowest = max(0, bytes.count - 22 - 65_535)
        guard bytes.count >= 22,
            let end = (lowest...(bytes.count - 22)).last(where: { Self.number(bytes, $0, 4) == 0x0605_4B50 })
        else {
            throw LearningError(.malformedFile, "\(path) is not a zip file or is cut short; copy or download it again")
        }
        let count = Self.number(bytes, end + 10, 2)
        var position = Self.number(bytes, end + 16, 4)
        guard count <= Self.maximumMemberCount, position != 0xFFFF_FFFF else {
            throw LearningError(.unsupportedType, "\(path) has too many or too large members (zip64); split it")
        }
        var members: [Member] = []
        for _ in 0..<count {
            guard position + 46 <= end, Self.number(bytes, position, 4) == 0x0201_4B50 else {
                throw LearningError(.malformedFile, "\(path) has a damaged zip directory; copy or download it again")
            }
            let nameLength = Self.number(bytes, position + 28, 2)
            let next =
                position + 46 + nameLength + Self.number(bytes, position + 30, 2) + Self.number(bytes, position + 32, 2)
            guard next <= end else {
                throw LearningError(.malformedFile, "\(path) has a damaged zip directory; copy or download it again")
            }
            members.append(
                Member(
                    name: String(decoding: bytes[(position + 46)..<(position + 46 + nameLength)], as: UTF8.self),
                    method: Self.number(bytes, position + 10, 2),
                    crc: UInt32(truncatingIfNeeded: Self.number(bytes, position + 16, 4)),
                    compressedSize: Self.number(bytes, position + 20, 4),
                    size: Self.number(bytes, position + 24, 4),
                    headerOffset: Self.number(bytes, position + 42, 4)
                )
            )
            position = next
        }
        self.members = members
    }

    /// A stream of the member's bytes.
    func open(_ member: Member) throws -> ByteStream {
        let header = member.headerOffset
        let name = "\(path) (\(member.name))"
        guard header + 30 <= bytes.count, Self.number(bytes, header, 4) == 0x0403_4B50 else {
            throw LearningError(.malformedFile, "\(name) has no header where the zip directory says")
        }
        let start = header + 30 + Self.number(bytes, header + 26, 2) + Self.number(bytes, header + 28, 2)
        guard start <= bytes.count, member.compressedSize <= bytes.count - start else {
            throw LearningError(.malformedFile, "\(name) reaches past the end of the file; copy or download it again")
        }
        let body = bytes[start..<(start + member.compressedSize)]
        switch member.method {
        case 0: return ByteStream(body, format: .plain, name: name, countsChecksum: true)
        case 8: return ByteStream(body, format: .deflate, name: name, countsChecksum: true)
        default:
            throw LearningError(
                .unsupportedType,
                "\(name) is compressed by zip method \(member.method); save it with numpy.savez_compressed"
            )
        }
    }

    /// A little-endian number.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> Int {
        (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
}
