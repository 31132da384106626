// SPDX-License-Identifier: Apache-2.0
public import Rounds

/// Tells why bytes are no message, or why a message cannot become bytes.
public struct WireError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case malformed
            case invalidField
            case misdirected
            case limitExceeded
        }
        private let name: Name

        /// The bytes are not a frame.
        public static let malformed = Code(name: .malformed)
        /// A field is missing or has a value outside its range.
        public static let invalidField = Code(name: .invalidField)
        /// The message belongs to the other direction.
        public static let misdirected = Code(name: .misdirected)
        /// A frame, text, list or message is past its limit.
        public static let limitExceeded = Code(name: .limitExceeded)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: what happened, to what, and what the limit is.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }

    /// The reason to give to the peer that sent the bytes.
    public var reason: ReasonCode { code == .limitExceeded ? .limitExceeded : .protocolViolation }

    /// The message with which to end the connection.
    public var goodbye: Goodbye { Goodbye(reason, message) }
}
