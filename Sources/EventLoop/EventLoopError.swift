// SPDX-License-Identifier: Apache-2.0

/// Why the event loop, a listener, a connection attempt or a running connection could not go on.
public struct EventLoopError: Error, Sendable, CustomStringConvertible {
    /// The stable kind of an `EventLoopError`; new kinds may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String, Sendable {
            case invalidEndpoint, cannotResolve, addressInUse, addressUnavailable, permissionDenied, tooManyFiles
            case connectionRefused, connectTimeout, unreachable, cancelled, loopStopped, system
        }

        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// The text is not of the form `host:port` or `[ipv6]:port`.
        public static let invalidEndpoint = Code(.invalidEndpoint)
        /// The host name has no address.
        public static let cannotResolve = Code(.cannotResolve)
        /// Another socket already listens on the address.
        public static let addressInUse = Code(.addressInUse)
        /// The address does not belong to this machine, or its family is not supported here.
        public static let addressUnavailable = Code(.addressUnavailable)
        /// The operating system does not let this user do it.
        public static let permissionDenied = Code(.permissionDenied)
        /// The process or the machine has no file descriptor left.
        public static let tooManyFiles = Code(.tooManyFiles)
        /// Nothing listens on the remote address.
        public static let connectionRefused = Code(.connectionRefused)
        /// The connection was not established within the time allowed.
        public static let connectTimeout = Code(.connectTimeout)
        /// No route leads to the remote address.
        public static let unreachable = Code(.unreachable)
        /// The task that asked was cancelled.
        public static let cancelled = Code(.cancelled)
        /// The event loop is shutting down or has stopped.
        public static let loopStopped = Code(.loopStopped)
        /// Any other error of the operating system; the message has its text.
        public static let system = Code(.system)

        /// The name of the code, stable across versions.
        public var description: String { kind.rawValue }
    }

    /// The stable kind of this error.
    public let code: Code
    /// One line: what happened, to what, and what to do.
    public let message: String

    /// Creates an error from its kind and its line of text.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message in one line.
    public var description: String { "\(code): \(message)" }
}
