// SPDX-License-Identifier: Apache-2.0

/// Names a batch of samples once and for all.
public struct SampleKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The job.
    public let job: JobID
    /// The device's agent.
    public let agent: AgentID
    /// The batch's number among the agent's batches of this job, from 1, rising.
    public let sequence: UInt64

    /// Names a batch.
    public init(job: JobID, agent: AgentID, sequence: UInt64) {
        self.job = job
        self.agent = agent
        self.sequence = sequence
    }

    /// Orders by job, agent and sequence: the order in which batches are learnt from.
    public static func < (left: SampleKey, right: SampleKey) -> Bool {
        (left.job, left.agent, left.sequence) < (right.job, right.agent, right.sequence)
    }

    /// `job-1/device-2/17`.
    public var description: String { "\(job)/\(agent)/\(sequence)" }
}

/// Offers a batch of samples. A device has one offer under way at a time.
public struct SampleOffer: Sendable, Hashable {
    /// The job.
    public var job: JobID
    /// The batch's number among the device's batches of this job, from 1, rising.
    public var sequence: UInt64
    /// The digest of the coded batch.
    public var digest: BlobDigest
    /// The bytes of the coded batch, 1 to ``Limits/sampleBatchBytes``.
    public var byteCount: Int
    /// The samples in it, 1 or more.
    public var sampleCount: Int

    /// Creates an offer.
    public init(job: JobID, sequence: UInt64, digest: BlobDigest, byteCount: Int, sampleCount: Int) {
        self.job = job
        self.sequence = sequence
        self.digest = digest
        self.byteCount = byteCount
        self.sampleCount = sampleCount
    }
}

/// Asks for the bytes of an offered batch from an offset on.
public struct SampleRequest: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The batch.
    public var sequence: UInt64
    /// A number that the chunks carry.
    public var transfer: UInt64
    /// The first byte wanted: what the coordinator already holds is not sent again.
    public var offset: Int

    /// Creates the message.
    public init(job: JobID, sequence: UInt64, transfer: UInt64, offset: Int) {
        self.job = job
        self.sequence = sequence
        self.transfer = transfer
        self.offset = offset
    }
}

/// Says what became of an offered batch.
public struct SampleVerdict: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The batch.
    public var sequence: UInt64
    /// Whether the coordinator holds it on stable storage; said again of a batch that was accepted before.
    public var isAccepted: Bool
    /// Why it does not; `unspecified` where it does.
    public var reason: ReasonCode
    /// One line for a person; may be empty.
    public var message: String

    /// Creates the message.
    public init(
        job: JobID,
        sequence: UInt64,
        isAccepted: Bool,
        reason: ReasonCode = .unspecified,
        message: String = ""
    ) {
        self.job = job
        self.sequence = sequence
        self.isAccepted = isAccepted
        self.reason = reason
        self.message = message
    }

    /// Whether the device keeps the batch and offers it again later.
    public var isTemporary: Bool { !isAccepted && (reason == .storageFailed || reason == .overloaded) }
}

/// Says that samples were deleted, with all that was learnt from them.
public struct PurgeReceipt: Sendable, Hashable {
    /// The job.
    public var job: JobID
    /// The device's agent.
    public var agent: AgentID
    /// The receipt's number among the agent's receipts of this job, from 1.
    public var number: UInt64
    /// Every batch up to this one is gone.
    public var lastSequence: UInt64
    /// The batches deleted.
    public var batchCount: UInt64
    /// The samples in them.
    public var sampleCount: UInt64
    /// The bytes of them.
    public var byteCount: UInt64
    /// The digest of the batches' digests (16 bytes each, in the order of their sequences).
    public var digest: BlobDigest

    /// Creates a receipt.
    public init(
        job: JobID,
        agent: AgentID,
        number: UInt64,
        lastSequence: UInt64,
        batchCount: UInt64,
        sampleCount: UInt64,
        byteCount: UInt64,
        digest: BlobDigest
    ) {
        self.job = job
        self.agent = agent
        self.number = number
        self.lastSequence = lastSequence
        self.batchCount = batchCount
        self.sampleCount = sampleCount
        self.byteCount = byteCount
        self.digest = digest
    }
}

/// What a coordinator holds of an agent's samples.
public struct SampleHolding: Sendable, Hashable {
    /// The job.
    public var job: JobID
    /// The device's agent.
    public var agent: AgentID
    /// The batches held.
    public var batchCount: UInt64
    /// The samples in them.
    public var sampleCount: UInt64
    /// The bytes of them.
    public var byteCount: UInt64
    /// The last batch that was accepted, held or deleted.
    public var lastSequence: UInt64

    /// Creates a description.
    public init(
        job: JobID,
        agent: AgentID,
        batchCount: UInt64,
        sampleCount: UInt64,
        byteCount: UInt64,
        lastSequence: UInt64
    ) {
        self.job = job
        self.agent = agent
        self.batchCount = batchCount
        self.sampleCount = sampleCount
        self.byteCount = byteCount
        self.lastSequence = lastSequence
    }
}
