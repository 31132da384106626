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
            case unknownSetting
            case tooManyUpdates
            case missingMetadata
            case invalidState
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
        /// The rule has no setting of this name.
        public static let unknownSetting = Code(name: .unknownSetting)
        /// More updates, or more subsets of them, than the rule can handle in reasonable time and memory.
        public static let tooManyUpdates = Code(name: .tooManyUpdates)
        /// The rule needs a quantity that an update does not carry (its local steps, its loss).
        public static let missingMetadata = Code(name: .missingMetadata)
        /// A journaled state that does not fit the model or the rule.
        public static let invalidState = Code(name: .invalidState)

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
