// SPDX-License-Identifier: Apache-2.0

/// Tells why a model could not be adapted, or an update not be applied.
public struct AdaptationError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidParameter
            case malformedUpdate
            case shapeMismatch
            case staleVersion
            case missingInput
            case notFinite
            case unsupportedModel
        }
        private let name: Name

        /// A number outside its range, or text that is none.
        public static let invalidParameter = Code(name: .invalidParameter)
        /// Bytes that are no update.
        public static let malformedUpdate = Code(name: .malformedUpdate)
        /// A prompt, delta or batch of another model or image size.
        public static let shapeMismatch = Code(name: .shapeMismatch)
        /// An update that is not newer than what is applied.
        public static let staleVersion = Code(name: .staleVersion)
        /// Samples that a computation needs and does not have.
        public static let missingInput = Code(name: .missingInput)
        /// A value is infinite or not a number.
        public static let notFinite = Code(name: .notFinite)
        /// A model that a method cannot work on.
        public static let unsupportedModel = Code(name: .unsupportedModel)

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
