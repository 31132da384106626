// SPDX-License-Identifier: Apache-2.0

/// Tells why a layout, a vector or a file of parameters was refused.
public struct ModelStateError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidLayout
            case shapeMismatch
            case malformedFile
            case unsupportedType
            case fileAccess
        }
        private let name: Name

        /// Tensor names, count or sizes that cannot form a model.
        public static let invalidLayout = Code(name: .invalidLayout)
        /// Two models, or a model and a file, that do not have the same tensors.
        public static let shapeMismatch = Code(name: .shapeMismatch)
        /// Bytes that are not the format they claim to be.
        public static let malformedFile = Code(name: .malformedFile)
        /// A well-formed file with an element type that cannot be read as floats.
        public static let unsupportedType = Code(name: .unsupportedType)
        /// The operating system refused to open, read, write or rename a file.
        public static let fileAccess = Code(name: .fileAccess)

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
