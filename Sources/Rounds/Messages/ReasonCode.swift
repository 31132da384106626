// SPDX-License-Identifier: Apache-2.0

/// Says, in the same words on the wire, in the log and on the status page, why something was refused or ended.
///
/// The numbers are part of the protocol: they are never reused.
public enum ReasonCode: UInt32, Sendable, Hashable, CaseIterable {
    /// No reason was given, or one that this version does not know.
    case unspecified = 0

    // Connections.

    /// The peer stops on purpose.
    case shuttingDown = 1
    /// No protocol version is common to both sides.
    case unsupportedVersion = 2
    /// Bytes that are no frame, or a message that does not belong here.
    case protocolViolation = 3
    /// A frame, text or list past its limit.
    case limitExceeded = 4
    /// The agent's name is not allowed.
    case invalidAgent = 5
    /// A newer connection of the same agent took over.
    case replaced = 6
    /// Nothing was heard for the silence limit.
    case silent = 7
    /// The coordinator holds as many connections as it may.
    case overloaded = 8

    // Updates.

    /// The round is over, or another attempt at it has begun.
    case lateUpdate = 20
    /// The agent was not asked for this update.
    case notSelected = 21
    /// The update's size cannot be that of its codec and model.
    case wrongSize = 22
    /// The update's codec is not the task's.
    case wrongCodec = 23
    /// The bytes do not have the digest that was offered.
    case digestMismatch = 24
    /// The bytes cannot be decoded.
    case undecodable = 25
    /// A value is infinite or not a number.
    case notFinite = 26
    /// The weight is not positive and finite, or above the job's bound.
    case invalidWeight = 27
    /// The norm is above the job's bound.
    case normTooLarge = 28
    /// The round already has the updates that it wants.
    case roundFull = 29
    /// A second update under a key that already has one.
    case conflictingOffer = 30
    /// What the offer tells of its training is missing or out of range, and the job's rule needs it.
    case invalidReport = 31
    /// The score that came with an update is no number in its range; the update counts, the score as the lowest.
    case invalidScore = 32

    // Tasks and jobs.

    /// The job was cancelled.
    case jobCancelled = 40
    /// The round was abandoned.
    case roundAbandoned = 41
    /// The agent does not know the model or trainer.
    case unknownModel = 42
    /// The agent's data cannot be used for the task.
    case unusableData = 43
    /// Training gave values that are not finite.
    case diverged = 44
    /// The trainer failed.
    case trainerFailed = 45
    /// The agent cannot use the codec.
    case unknownCodec = 46
    /// The agent was lost and did not come back in time.
    case agentLost = 47
    /// The round's deadline passed.
    case deadlinePassed = 48
    /// Too few agents answered, too often.
    case quorumMissed = 49
    /// No job has this identifier.
    case unknownJob = 50
    /// The job file cannot be used.
    case invalidJob = 51
    /// The disk refused to write.
    case storageFailed = 52
    /// Nothing has this digest.
    case unknownBlob = 53
    /// The device sent as many bytes of samples as the job takes in a day.
    case allowanceSpent = 54
    /// The samples were deleted.
    case purged = 55
    /// The job is over; nothing about it changes any more.
    case jobOver = 56

    // No conformance to CustomStringConvertible: the standard library prints the case's name, which is the name in
    // the log, and a description of our own that asked for that name would ask itself.

    /// The name in the log: `lateUpdate`.
    public var description: String { "\(self)" }
}
