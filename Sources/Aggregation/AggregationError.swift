// SPDX-License-Identifier: Apache-2.0

/// Tells why updates could not be combined.
public struct AggregationError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case noUpdates
            case invalidWeight
            case shapeMismatch
            case notEnoughUpdates
            case invalidParameter
            case notFinite
            case unknownRule
        }
        private let name: Name

        /// There was nothing to combine.
        public static let noUpdates = Code(name: .noUpdates)
        /// A weight that is not positive and finite.
        public static let invalidWeight = Code(name: .invalidWeight)
        /// Updates with different tensors.
        public static let shapeMismatch = Code(name: .shapeMismatch)
        /// The rule cannot tolerate the given number of faulty clients with so few updates.
        public static let notEnoughUpdates = Code(name: .notEnoughUpdates)
        /// A parameter of the rule is outside its range.
        public static let invalidParameter = Code(name: .invalidParameter)
        /// Every update has a value that is infinite or not a number.
        public static let notFinite = Code(name: .notFinite)
        /// No rule has this name.
        public static let unknownRule = Code(name: .unknownRule)

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
