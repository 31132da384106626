// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Asks a device to answer its stream with a model, and to send samples of it as the plan and its site allow.
public struct StreamTask: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The job's name: sites allow samples by it.
    public var name: String
    /// The model that the device begins with.
    public var base: ModelReference
    /// What the model is.
    public var model: ModelSpecification
    /// The model's tensors.
    public var layout: TensorLayout
    /// How the device scores, chooses, codes and adapts: a part of the job's `adaptation`, as JSON.
    public var plan: String
    /// The seed of this device's randomness.
    public var seed: UInt64
    /// The last batch of this device that the coordinator holds or deleted; 0 for none.
    public var keptSequence: UInt64

    /// Creates a task.
    public init(
        job: JobID,
        name: String,
        base: ModelReference,
        model: ModelSpecification,
        layout: TensorLayout,
        plan: String,
        seed: UInt64,
        keptSequence: UInt64 = 0
    ) {
        self.job = job
        self.name = name
        self.base = base
        self.model = model
        self.layout = layout
        self.plan = plan
        self.seed = seed
        self.keptSequence = keptSequence
    }
}

/// Tells what became of a device's stream so far; counts only rise.
public struct StreamReport: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// Samples that were answered.
    public var answered: UInt64 = 0
    /// Those of them whose label is known.
    public var labelled: UInt64 = 0
    /// Those of these that were answered rightly.
    public var correct: UInt64 = 0
    /// The mean score of the last batch.
    public var uncertainty: Double = 0
    /// Samples that were chosen to be sent.
    public var chosen: UInt64 = 0
    /// Samples that were sent: the site allowed it.
    public var sent: UInt64 = 0
    /// The newest update that the device looked at.
    public var version: UInt32 = 0
    /// Updates that the device took back.
    public var rollbacks: UInt64 = 0
    /// The environments that it met.
    public var environments: UInt64 = 0
    /// The batch whose answer it waits for; 0 for none.
    public var awaitedSequence: UInt64 = 0
    /// Whether its stream is over.
    public var isOver = false
    /// Why samples were not sent, and how many.
    public var withheld: [String: UInt64] = [:]

    /// Creates the report of a stream that did not begin.
    public init(job: JobID) {
        self.job = job
    }

    /// The share of the labelled samples that was answered rightly; 0 without any.
    public var accuracy: Double { labelled > 0 ? Double(correct) / Double(labelled) : 0 }
}

/// Ends a device's part in an adaptation job.
public struct StreamEnd: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// Why; `unspecified` where the job finished.
    public var reason: ReasonCode
    /// One line for a person; may be empty.
    public var message: String

    /// Creates the message.
    public init(job: JobID, reason: ReasonCode = .unspecified, message: String = "") {
        self.job = job
        self.reason = reason
        self.message = message
    }
}

/// What the cloud learnt from a device's samples, up to a batch.
public struct AdaptationPush: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The last batch that was learnt from.
    public var sequence: UInt64
    /// The update's version, rising; 0 where nothing was learnt.
    public var version: UInt32
    /// The digest of the data; nil where nothing was learnt.
    public var digest: BlobDigest?
    /// The prompt and the delta; empty where nothing was learnt.
    public var data: [UInt8]

    /// Creates the message.
    public init(job: JobID, sequence: UInt64, version: UInt32 = 0, digest: BlobDigest? = nil, data: [UInt8] = []) {
        self.job = job
        self.sequence = sequence
        self.version = version
        self.digest = digest
        self.data = data
    }
}
