// SPDX-License-Identifier: Apache-2.0
import Foundation
import Rounds
import Testing

@testable import Wire

/// The byte-exact vectors in Protocols/vectors/messages.json, as far as this side reads them.
struct VectorFile: Decodable {
    enum Direction: String, Decodable {
        case agent
        case coordinator
        case both

        var isToCoordinator: Bool { self != .coordinator }
        var isFromCoordinator: Bool { self != .agent }
    }

    struct Message: Decodable {
        var name: String
        var direction: Direction
        var hex: String
        /// The kind of error of a refused frame.
        var code: String?
        /// The message that an equivalent frame means.
        var sameAs: String?

        /// The frame, length word included.
        var bytes: [UInt8] { [UInt8](hexadecimal: hex) }
        /// The frame without its length word.
        var body: ByteSlice { ByteSlice(copying: Array(bytes.dropFirst(4))) }
    }

    var messages: [Message]
    var equivalents: [Message]
    var refused: [Message]
    var ignored: [Message]

    static func load() throws -> VectorFile {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Protocols/vectors/messages.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(VectorFile.self, from: Data(contentsOf: file))
    }
}

extension [UInt8] {
    /// Reads pairs of hexadecimal digits.
    init(hexadecimal text: String) {
        let digits = text.utf8.map { UInt8(Character(UnicodeScalar($0)).hexDigitValue ?? 0) }
        self = stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
