// SPDX-License-Identifier: Apache-2.0

/// What goes wrong in a simulation itself, not in the job that it simulates.
public struct SimulationError: Error, Sendable, CustomStringConvertible {
    /// Says what kind of error it is.
    public enum Code: String, Sendable {
        /// The ranks of a simulation cannot work together.
        case ranksFailed
        /// The scenario cannot be spread over several ranks.
        case notSpreadable
        /// The scenario cannot go on from a checkpoint.
        case notResumable
        /// A checkpoint is damaged or of another scenario.
        case unusableCheckpoint
        /// A checkpoint cannot be written.
        case storageFailed
    }

    /// The kind.
    public let code: Code
    /// One line for a person.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
