// SPDX-License-Identifier: Apache-2.0

/// Tells why the journal, the spool, a checkpoint or the outbox could not be read or written.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case locked
            case diskFull
            case accessDenied
            case inputOutput
            case tooManyOpenFiles
            case fileAccess
            case busy
            case corrupt
            case newerSchema
            case contradiction
            case outOfOrder
            case notFound
        }
        private let name: Name

        /// Another process uses the state folder.
        public static let locked = Code(name: .locked)
        /// The disk, or the user's share of it, is full.
        ///
        /// The same call works again once there is room.
        public static let diskFull = Code(name: .diskFull)
        /// The disk is read-only, or this user may not write there.
        public static let accessDenied = Code(name: .accessDenied)
        /// The device failed.
        public static let inputOutput = Code(name: .inputOutput)
        /// The process or the system has too many open files.
        public static let tooManyOpenFiles = Code(name: .tooManyOpenFiles)
        /// The operating system refused for another reason.
        public static let fileAccess = Code(name: .fileAccess)
        /// Another program holds the journal for longer than it may.
        public static let busy = Code(name: .busy)
        /// What is stored is damaged.
        public static let corrupt = Code(name: .corrupt)
        /// The journal was written by a newer version of the program.
        public static let newerSchema = Code(name: .newerSchema)
        /// A fact that cannot be true together with the facts in the journal.
        public static let contradiction = Code(name: .contradiction)
        /// Bytes that do not continue what is held.
        public static let outOfOrder = Code(name: .outOfOrder)
        /// Nothing is stored under this name.
        public static let notFound = Code(name: .notFound)

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
