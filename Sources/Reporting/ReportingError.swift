// SPDX-License-Identifier: Apache-2.0

/// Tells why a report could not be made.
public struct ReportingError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case fileAccess
            case invalidSweep
        }
        private let name: Name

        /// A file or folder cannot be read or written.
        public static let fileAccess = Code(name: .fileAccess)
        /// The text of a sweep makes no sense.
        public static let invalidSweep = Code(name: .invalidSweep)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: what happened, to what, what to do.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
