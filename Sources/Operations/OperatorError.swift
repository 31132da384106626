// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Tells why an operator's request failed.
public struct OperatorError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case unreachable
            case refused
            case lost
        }
        private let name: Name

        /// Nobody answers at the address.
        public static let unreachable = Code(name: .unreachable)
        /// The coordinator refused; ``OperatorError/reason`` says why.
        public static let refused = Code(name: .refused)
        /// The connection ended before the answer.
        public static let lost = Code(name: .lost)

        /// The code's stable name.
        public var description: String { name.rawValue }
    }

    /// The kind of error.
    public let code: Code
    /// One line: what happened, and what to do.
    public let message: String
    /// The coordinator's reason, where it gave one.
    public let reason: ReasonCode

    /// Creates an error.
    public init(_ code: Code, _ message: String, _ reason: ReasonCode = .unspecified) {
        self.code = code
        self.message = message
        self.reason = reason
    }

    /// The message.
    public var description: String { message }
}
