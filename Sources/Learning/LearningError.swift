// SPDX-License-Identifier: Apache-2.0

/// Tells why data could not be read or a model could not be trained.
public struct LearningError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidSpecification
            case unknownKey
            case fileAccess
            case malformedFile
            case tooLarge
            case unsupportedType
            case missingData
            case labelOutOfRange
            case missingLabel
            case impossibleSplit
            case unknownModel
            case unknownTrainer
            case shapeMismatch
            case diverged
        }
        private let name: Name

        /// A data specification that cannot be understood, or a value outside its range.
        public static let invalidSpecification = Code(name: .invalidSpecification)
        /// An option or setting that this version does not know.
        public static let unknownKey = Code(name: .unknownKey)
        /// The operating system refused to open or read a file.
        public static let fileAccess = Code(name: .fileAccess)
        /// Bytes that are not the format they claim to be.
        public static let malformedFile = Code(name: .malformedFile)
        /// A file that would expand past what its size justifies.
        public static let tooLarge = Code(name: .tooLarge)
        /// A well-formed file with an element type or a feature that is not read.
        public static let unsupportedType = Code(name: .unsupportedType)
        /// Samples that a task needs and the source does not have.
        public static let missingData = Code(name: .missingData)
        /// A label that is not one of the model's classes.
        public static let labelOutOfRange = Code(name: .labelOutOfRange)
        /// Samples without a label where each needs one.
        public static let missingLabel = Code(name: .missingLabel)
        /// More parts than the samples allow.
        public static let impossibleSplit = Code(name: .impossibleSplit)
        /// No built-in model has this kind, or its sizes make no model.
        public static let unknownModel = Code(name: .unknownModel)
        /// No built-in trainer has this name.
        public static let unknownTrainer = Code(name: .unknownTrainer)
        /// Parameters or samples that do not fit the model.
        public static let shapeMismatch = Code(name: .shapeMismatch)
        /// The loss or the parameters stopped being finite numbers.
        public static let diverged = Code(name: .diverged)

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
