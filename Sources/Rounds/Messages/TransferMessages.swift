// SPDX-License-Identifier: Apache-2.0

/// Asks for a blob's bytes from an offset on.
public struct BlobRequest: Sendable, Equatable {
    /// A number that the asking side chooses; the chunks carry it. New for every request on a connection.
    public var transfer: UInt64
    /// The blob.
    public var digest: BlobDigest
    /// The first byte wanted.
    public var offset: Int

    /// Creates the message.
    public init(transfer: UInt64, digest: BlobDigest, offset: Int) {
        self.transfer = transfer
        self.digest = digest
        self.offset = offset
    }
}

/// A piece of a blob.
public struct BlobChunk: Sendable {
    /// The number of the request that it answers.
    public var transfer: UInt64
    /// Where the piece begins in the blob.
    public var offset: Int
    /// The piece, 1 byte or more.
    public var data: ByteSlice

    /// Creates the message.
    public init(transfer: UInt64, offset: Int, data: ByteSlice) {
        self.transfer = transfer
        self.offset = offset
        self.data = data
    }
}

/// Offers a finished update.
public struct UpdateOffer: Sendable, Equatable {
    /// The task's key.
    public var key: UpdateKey
    /// The digest of the coded update.
    public var digest: BlobDigest
    /// The bytes of the coded update.
    public var byteCount: Int
    /// The codec of those bytes.
    public var codec: String
    /// The update's weight: the samples it was trained on.
    public var weight: Double
    /// Local steps taken.
    public var steps: UInt64
    /// Samples that went through training, over all passes.
    public var trainedSamples: UInt64
    /// The mean training loss over the task, in nats.
    public var loss: Double
    /// The time that training took.
    public var trainingTime: Duration
    /// The coded model that training started from; nil where the agent does not know. A coordinator that lost power
    /// may run a round again from another model, under the same key.
    public var base: BlobDigest?
    /// The mean loss over the agent's samples at the model that training started from, in nats; nil where the job does
    /// not ask for it.
    public var initialLoss: Double?
    /// How uncertain that model was of the agent's samples, unchecked here; nil where the job does not ask for it.
    public var uncertainty: Double?

    /// Creates the message.
    public init(
        key: UpdateKey,
        digest: BlobDigest,
        byteCount: Int,
        codec: String,
        weight: Double,
        steps: UInt64 = 0,
        trainedSamples: UInt64 = 0,
        loss: Double = 0,
        trainingTime: Duration = .zero,
        base: BlobDigest? = nil,
        initialLoss: Double? = nil,
        uncertainty: Double? = nil
    ) {
        self.key = key
        self.digest = digest
        self.byteCount = byteCount
        self.codec = codec
        self.weight = weight
        self.steps = steps
        self.trainedSamples = trainedSamples
        self.loss = loss
        self.trainingTime = trainingTime
        self.base = base
        self.initialLoss = initialLoss
        self.uncertainty = uncertainty
    }
}

/// Asks for the bytes of an offered update from an offset on.
public struct UploadRequest: Sendable, Equatable {
    /// The update.
    public var key: UpdateKey
    /// A number that the chunks carry.
    public var transfer: UInt64
    /// The first byte wanted: what the coordinator already holds is not sent again.
    public var offset: Int

    /// Creates the message.
    public init(key: UpdateKey, transfer: UInt64, offset: Int) {
        self.key = key
        self.transfer = transfer
        self.offset = offset
    }
}

/// Says what became of an offered update.
public struct UpdateVerdict: Sendable, Equatable {
    /// The update.
    public var key: UpdateKey
    /// Whether the update counts. An update that was accepted before is accepted again, and counts once.
    public var isAccepted: Bool
    /// Why it does not count; `unspecified` where it does.
    public var reason: ReasonCode
    /// One line for a person; may be empty.
    public var message: String

    /// Creates the message.
    public init(key: UpdateKey, isAccepted: Bool, reason: ReasonCode = .unspecified, message: String = "") {
        self.key = key
        self.isAccepted = isAccepted
        self.reason = reason
        self.message = message
    }
}

/// Says that a round ended for good: its model is durable, or it was abandoned. Updates of the round, and of all
/// earlier ones of the job, may be forgotten.
public struct RoundCommitted: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The round.
    public var round: RoundNumber

    /// Creates the message.
    public init(job: JobID, round: RoundNumber) {
        self.job = job
        self.round = round
    }
}
