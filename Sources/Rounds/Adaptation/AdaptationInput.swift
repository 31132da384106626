// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// What an adaptation job needs before devices can take part.
public struct PreparedAdaptation: Sendable, Equatable {
    /// The model that devices begin with.
    public var base: ModelReference
    /// Its tensors.
    public var layout: TensorLayout
    /// What devices are told, as JSON.
    public var plan: String
    /// The most bytes of samples that one device may send in a day; nil for no bound.
    public var bytesPerDay: Int?

    /// Creates a description.
    public init(base: ModelReference, layout: TensorLayout, plan: String, bytesPerDay: Int? = nil) {
        self.base = base
        self.layout = layout
        self.plan = plan
        self.bytesPerDay = bytesPerDay
    }
}

/// What the cloud made of a batch.
public struct LearntSamples: Sendable, Equatable {
    /// The batch.
    public var key: SampleKey
    /// The environment that it came from, as the device numbers it.
    public var environment: UInt32
    /// The update's version; 0 where nothing was learnt.
    public var version: UInt32
    /// The digest of the update; nil where nothing was learnt.
    public var digest: BlobDigest?
    /// The update; empty where nothing was learnt.
    public var data: [UInt8]
    /// Why nothing was learnt; may be empty.
    public var message: String

    /// Creates a result.
    public init(
        key: SampleKey,
        environment: UInt32 = 0,
        version: UInt32 = 0,
        digest: BlobDigest? = nil,
        data: [UInt8] = [],
        message: String = ""
    ) {
        self.key = key
        self.environment = environment
        self.version = version
        self.digest = digest
        self.data = data
        self.message = message
    }
}

/// Something that happened to an adaptation job.
public enum AdaptationInput: Sendable {
    /// Models and plan are there.
    case prepared(PreparedAdaptation)
    /// They cannot be had.
    case prepareFailed(ReasonCode, String)
    /// The bytes of a batch are checked and on stable storage.
    case stored(SampleKey)
    /// They are not.
    case storeFailed(SampleKey, ReasonCode, String)
    /// The cloud learnt from a batch, or could not.
    case learnt(LearntSamples)
    /// A receipt has its digest.
    case receiptSealed(PurgeReceipt)
    /// What a receipt tells of is gone from stable storage.
    case purged(PurgeReceipt)
    /// That could not be done; it is tried again at the next start.
    case purgeFailed(PurgeReceipt, String)
}

/// What an adaptation job has written to the journal.
public enum AdaptationRecord: Sendable, Hashable {
    /// A batch that it holds.
    case kept(SampleKey)
    /// A receipt, asked for on this connection.
    case purge(PurgeReceipt)
    /// That it runs.
    case running
    /// That it is over.
    case ended
}

/// Something that an adaptation job wants done by the shell.
public enum AdaptationAction: Sendable {
    /// Load the models; then ``AdaptationInput/prepared(_:)``.
    case prepare(JobSpecification)
    /// Check a batch and bring it to stable storage; then ``AdaptationInput/stored(_:)``.
    case store(KeptSamples, [UInt8])
    /// Learn from a stored batch, after all before it of the same agent; then ``AdaptationInput/learnt(_:)``. The
    /// generation counts how often the agent's samples were deleted: versions of a later one are above all earlier.
    case learn(KeptSamples, generation: UInt32)
    /// Compute a receipt's digest from those of its batches; then ``AdaptationInput/receiptSealed(_:)``.
    case seal(PurgeReceipt, [BlobDigest])
    /// Forget what was learnt from an agent's samples and delete them; then ``AdaptationInput/purged(_:)``.
    case purge(PurgeReceipt)
    /// The job is over: drop what only it needed.
    case release
}
