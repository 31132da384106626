// SPDX-License-Identifier: Apache-2.0

/// Tells why an update could not be coded or decoded.
public struct UpdateCodingError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case truncated
            case trailingBytes
            case malformed
            case notFinite
            case unknownCodec
            case sourceFailed
        }
        private let name: Name

        /// The bytes end before the last coordinate.
        public static let truncated = Code(name: .truncated)
        /// Bytes follow the last coordinate.
        public static let trailingBytes = Code(name: .trailingBytes)
        /// The bytes are not what the codec writes.
        public static let malformed = Code(name: .malformed)
        /// The vector has a value that is infinite or not a number.
        public static let notFinite = Code(name: .notFinite)
        /// No codec has this specification.
        public static let unknownCodec = Code(name: .unknownCodec)
        /// The coded bytes could not be read from where they are kept.
        public static let sourceFailed = Code(name: .sourceFailed)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: what happened, to what, and what to do.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
