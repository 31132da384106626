// SPDX-License-Identifier: Apache-2.0

/// Tells what is wrong with a job or scenario file.
public struct SpecificationError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case unknownKey
            case missingKey
            case invalidValue
        }
        private let name: Name

        /// A key that this version does not know.
        public static let unknownKey = Code(name: .unknownKey)
        /// A key without which the file makes no sense.
        public static let missingKey = Code(name: .missingKey)
        /// A value of the wrong kind or outside its range.
        public static let invalidValue = Code(name: .invalidValue)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: which key, and what it must be.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
