// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Says which model a task starts from and where to get it.
///
/// A model travels whole, or as a chain: an anchor, then coded changes to be added in their order. Whoever holds the
/// model of an earlier part loads the parts after it only.
public struct ModelReference: Sendable, Hashable {
    /// One coded blob of a chain.
    public struct Part: Sendable, Hashable {
        /// The round that made it, which is also its coding's seed.
        public var round: RoundNumber
        /// The digest of the coded bytes.
        public var digest: BlobDigest
        /// The coded bytes.
        public var byteCount: Int
        /// The codec of those bytes.
        public var codec: String

        /// Creates a part.
        public init(round: RoundNumber, digest: BlobDigest, byteCount: Int, codec: String) {
            self.round = round
            self.digest = digest
            self.byteCount = byteCount
            self.codec = codec
        }
    }

    /// The parts before the last, the anchor first; empty where the model travels whole.
    public var earlier: [Part]
    /// The last part: the whole model, or the newest change.
    public var last: Part

    /// Creates a reference.
    public init(_ last: Part, after earlier: [Part] = []) {
        self.last = last
        self.earlier = earlier
    }

    /// Creates a reference to a model that travels whole.
    public init(round: RoundNumber, digest: BlobDigest, byteCount: Int, codec: String) {
        self.init(Part(round: round, digest: digest, byteCount: byteCount, codec: codec))
    }

    /// The round that made the model; 0 for the initial one.
    public var round: RoundNumber { last.round }
    /// The digest of the last part, by which updates name the model that they started from.
    public var digest: BlobDigest { last.digest }
    /// All parts in the order in which they are added.
    public var parts: [Part] { earlier + [last] }
    /// The bytes of all parts.
    public var byteCount: Int { earlier.reduce(last.byteCount) { $0 + $1.byteCount } }
    /// The codec of the last part.
    public var codec: String { last.codec }

    /// The number of first parts that whoever holds `held` need not load.
    public func partCount(heldBy held: ModelReference?) -> Int {
        guard let held, held.parts.count <= parts.count, parts.starts(with: held.parts) else { return 0 }
        return held.parts.count
    }
}

/// Names the update of an agent that counted last in a job.
public struct CountedUpdate: Sendable, Hashable {
    /// Its round.
    public var round: RoundNumber
    /// Its attempt.
    public var attempt: UInt32

    /// Creates a name.
    public init(round: RoundNumber, attempt: UInt32) {
        self.round = round
        self.attempt = attempt
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
    /// The agent's last update that counted in this job, nil for none: what the agent remembers of the job follows the
    /// updates that counted. Told only in jobs whose agents keep a memory.
    public var counted: CountedUpdate?

    /// Creates a task.
    public init(
        key: UpdateKey,
        base: ModelReference,
        model: ModelSpecification,
        layout: TensorLayout,
        training: TrainingSpecification,
        seed: UInt64,
        codec: String,
        deadline: Duration,
        counted: CountedUpdate? = nil
    ) {
        self.key = key
        self.base = base
        self.model = model
        self.layout = layout
        self.training = training
        self.seed = seed
        self.codec = codec
        self.deadline = deadline
        self.counted = counted
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
    /// How the clients' own accuracies differ; nil for one client's summary.
    public var spread: ClientSpread?
    /// Which answers the samples of which classes got, where some classes have no name of their own; nil elsewhere.
    public var answers: AnswerCounts?

    /// Creates a summary; without arguments that of no samples.
    public init(
        sampleCount: UInt64 = 0,
        correctCount: UInt64 = 0,
        lossSum: Double = 0,
        spread: ClientSpread? = nil,
        answers: AnswerCounts? = nil
    ) {
        self.sampleCount = sampleCount
        self.correctCount = correctCount
        self.lossSum = lossSum
        self.spread = spread
        self.answers = answers
    }

    /// Sums up the clients' summaries, in the order given, with their spread.
    public init(of clients: [EvaluationSummary]) {
        self.init()
        for client in clients { add(client) }
        // A client's own answers have the names that all clients' answers have.
        spread = ClientSpread(
            accuracies: clients.filter { $0.sampleCount > 0 }
                .map { client in
                    guard let own = client.answers, let all = answers else { return client.accuracy }
                    return own.accuracy(naming: all.names)
                }
        )
    }

    /// The share of samples whose class was predicted, 0 for no samples; where classes have no name of their own, that
    /// under the best naming of all answers.
    public var accuracy: Double {
        if let answers { return answers.accuracy(naming: answers.names) }
        return sampleCount == 0 ? 0 : Double(correctCount) / Double(sampleCount)
    }

    /// The mean loss, 0 for no samples.
    public var loss: Double { sampleCount == 0 ? 0 : lossSum / Double(sampleCount) }

    /// Adds the counts of another part; the spread stays.
    public mutating func add(_ part: EvaluationSummary) {
        sampleCount += part.sampleCount
        correctCount += part.correctCount
        lossSum += part.lossSum
        guard let other = part.answers else { return }
        guard let isAdded = answers?.add(other) else {
            answers = other
            return
        }
        precondition(isAdded, "the clients of a job answer by the same classes")
    }
}
