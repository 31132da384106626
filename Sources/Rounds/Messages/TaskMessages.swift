// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Says which model a task starts from and where to get it.
public struct ModelReference: Sendable, Hashable {
    /// The round that made the model; 0 for the initial one.
    public var round: RoundNumber
    /// The digest of the coded model.
    public var digest: BlobDigest
    /// The bytes of the coded model.
    public var byteCount: Int
    /// The codec of those bytes.
    public var codec: String

    /// Creates a reference.
    public init(round: RoundNumber, digest: BlobDigest, byteCount: Int, codec: String) {
        self.round = round
        self.digest = digest
        self.byteCount = byteCount
        self.codec = codec
    }
}

/// Asks an agent to train in a round.
public struct TrainTask: Sendable, Equatable {
    /// Names the update that is asked for.
    public var key: UpdateKey
    /// The model to start from.
    public var base: ModelReference
    /// What the model is.
    public var model: ModelSpecification
    /// The model's tensors.
    public var layout: TensorLayout
    /// How to train.
    public var training: TrainingSpecification
    /// The seed of this agent's randomness in this round.
    public var seed: UInt64
    /// The codec that the update must have.
    public var codec: String
    /// What is left of the round's time.
    public var deadline: Duration

    /// Creates a task.
    public init(
        key: UpdateKey,
        base: ModelReference,
        model: ModelSpecification,
        layout: TensorLayout,
        training: TrainingSpecification,
        seed: UInt64,
        codec: String,
        deadline: Duration
    ) {
        self.key = key
        self.base = base
        self.model = model
        self.layout = layout
        self.training = training
        self.seed = seed
        self.codec = codec
        self.deadline = deadline
    }
}

/// Asks an agent to evaluate a model on its held-out samples.
public struct EvaluateTask: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The model.
    public var base: ModelReference
    /// What the model is.
    public var model: ModelSpecification
    /// The model's tensors.
    public var layout: TensorLayout

    /// Creates a task.
    public init(job: JobID, base: ModelReference, model: ModelSpecification, layout: TensorLayout) {
        self.job = job
        self.base = base
        self.model = model
        self.layout = layout
    }
}

/// Withdraws a task.
public struct TaskCancellation: Sendable, Equatable {
    /// The task's key.
    public var key: UpdateKey
    /// Why.
    public var reason: ReasonCode

    /// Creates the message.
    public init(key: UpdateKey, reason: ReasonCode) {
        self.key = key
        self.reason = reason
    }
}

/// Tells how far a training task is.
public struct TaskProgress: Sendable, Equatable {
    /// The task's key.
    public var key: UpdateKey
    /// Steps done.
    public var steps: UInt64
    /// Steps in all.
    public var totalSteps: UInt64

    /// Creates the message.
    public init(key: UpdateKey, steps: UInt64, totalSteps: UInt64) {
        self.key = key
        self.steps = steps
        self.totalSteps = totalSteps
    }
}

/// Says that a task could not be done.
public struct TaskFailure: Sendable, Equatable {
    /// The task's key; an evaluation has the attempt 0.
    public var key: UpdateKey
    /// Why.
    public var reason: ReasonCode
    /// One line for a person.
    public var message: String

    /// Creates the message.
    public init(key: UpdateKey, reason: ReasonCode, message: String) {
        self.key = key
        self.reason = reason
        self.message = message
    }
}

/// The result of an evaluation on an agent's held-out samples.
public struct EvaluationReport: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The round whose model was evaluated.
    public var round: RoundNumber
    /// What was measured.
    public var outcome: EvaluationSummary

    /// Creates the message.
    public init(job: JobID, round: RoundNumber, outcome: EvaluationSummary) {
        self.job = job
        self.round = round
        self.outcome = outcome
    }
}

/// Counts over evaluated samples; sums of parts are the whole.
public struct EvaluationSummary: Sendable, Hashable, Codable {
    /// The samples.
    public var sampleCount: UInt64
    /// The samples whose class was predicted.
    public var correctCount: UInt64
    /// The sum of the samples' losses, in nats.
    public var lossSum: Double

    /// Creates a summary; without arguments that of no samples.
    public init(sampleCount: UInt64 = 0, correctCount: UInt64 = 0, lossSum: Double = 0) {
        self.sampleCount = sampleCount
        self.correctCount = correctCount
        self.lossSum = lossSum
    }

    /// The share of samples whose class was predicted, 0 for no samples.
    public var accuracy: Double { sampleCount == 0 ? 0 : Double(correctCount) / Double(sampleCount) }

    /// The mean loss, 0 for no samples.
    public var loss: Double { sampleCount == 0 ? 0 : lossSum / Double(sampleCount) }

    /// Adds the counts of another part.
    public mutating func add(_ part: EvaluationSummary) {
        sampleCount += part.sampleCount
        correctCount += part.correctCount
        lossSum += part.lossSum
    }
}
