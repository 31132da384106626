// SPDX-License-Identifier: Apache-2.0

/// Tells why samples or clients could not be scored or chosen as asked.
public struct SelectionError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case unknownScore
            case unknownPolicy
            case unknownSetting
            case invalidParameter
            case invalidPredicate
            case missingInput
            case shapeMismatch
            case notFinite
        }
        private let name: Name

        /// No uncertainty score has this name.
        public static let unknownScore = Code(name: .unknownScore)
        /// No client selection policy has this name.
        public static let unknownPolicy = Code(name: .unknownPolicy)
        /// The policy has no setting of this name.
        public static let unknownSetting = Code(name: .unknownSetting)
        /// A number outside its range, or text that is none.
        public static let invalidParameter = Code(name: .invalidParameter)
        /// A label predicate that cannot be understood; the error names the column.
        public static let invalidPredicate = Code(name: .invalidPredicate)
        /// A score needs something that was not given: a teacher's answers, features, raw logits.
        public static let missingInput = Code(name: .missingInput)
        /// Inputs of different sizes.
        public static let shapeMismatch = Code(name: .shapeMismatch)
        /// A value is infinite or not a number.
        public static let notFinite = Code(name: .notFinite)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: what happened, to what, and what to do.
    public let message: String
    /// Where in a predicate's text the trouble is, in characters from 1; nil for all other errors.
    public let column: Int?

    /// Creates an error.
    public init(_ code: Code, _ message: String, column: Int? = nil) {
        self.code = code
        self.message = message
        self.column = column
    }

    /// The message.
    public var description: String { message }
}
