// SPDX-License-Identifier: Apache-2.0

/// What an operator asks of a coordinator.
public enum OperatorRequest: Sendable, Equatable {
    /// Adds a job; the text is the job's specification as JSON.
    case submit(specification: String)
    /// Lists the jobs.
    case list
    /// Tells one job's state.
    case status(JobID)
    /// Tells one job's state now and on every change until it ends.
    case watch(JobID)
    /// Cancels a job.
    case cancel(JobID)
    /// Deletes an agent's samples, with all that was learnt from them; nil for those of all jobs.
    case purge(AgentID, JobID?)
    /// Tells whose samples are held; nil for all agents.
    case holdings(AgentID?)
}

/// What a coordinator answers an operator.
public enum OperatorReply: Sendable, Equatable {
    /// The states asked for.
    case jobs([JobStatus])
    /// One event of a watched job.
    case event(JobEvent)
    /// What is held, and what was deleted.
    case samples([SampleHolding], [PurgeReceipt])
    /// The request was refused.
    case refused(ReasonCode, message: String)
}

/// Where a job stands.
public enum JobPhase: UInt32, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Waits for the jobs before it.
    case queued = 1
    /// Waits for agents.
    case waiting = 2
    /// Trains.
    case running = 3
    /// Has done all its rounds.
    case finished = 4
    /// Was cancelled.
    case cancelled = 5
    /// Cannot go on.
    case failed = 6

    /// Whether the job will never change again.
    public var isOver: Bool {
        switch self {
        case .queued, .waiting, .running: false
        case .finished, .cancelled, .failed: true
        }
    }

    /// The name: `running`.
    public var description: String {
        switch self {
        case .queued: "queued"
        case .waiting: "waiting"
        case .running: "running"
        case .finished: "finished"
        case .cancelled: "cancelled"
        case .failed: "failed"
        }
    }
}

/// A job's state as an operator sees it.
public struct JobStatus: Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// Its name.
    public var name: String
    /// Where it stands.
    public var phase: JobPhase
    /// The last committed round.
    public var round: RoundNumber
    /// The rounds in all.
    public var totalRounds: UInt32
    /// The agents connected now.
    public var connectedAgents: UInt32
    /// The round whose model was evaluated last.
    public var evaluatedRound: RoundNumber
    /// The last evaluation, over all agents that reported.
    public var evaluation: EvaluationSummary
    /// Updates accepted so far.
    public var acceptedUpdates: UInt64
    /// Updates refused so far.
    public var refusedUpdates: UInt64
    /// Bytes of updates received so far.
    public var bytesUp: UInt64
    /// The same by kind of tensor, where it was counted.
    public var bytesUpByKind: BytesByKind
    /// Bytes of models sent so far.
    public var bytesDown: UInt64
    /// Samples that went through training so far.
    public var trainedSamples: UInt64
    /// The time from the first task to the last commit, so far.
    public var elapsed: Duration
    /// The time that the agents spent training, summed over the rounds' slowest agents.
    public var trainingTime: Duration
    /// The digest of the last committed model's elements; nil before the first model.
    public var modelDigest: BlobDigest?
    /// Why the job failed or was cancelled, or what it waits for; may be empty.
    public var message: String

    /// Creates the state of a job that has not begun.
    public init(job: JobID, name: String, totalRounds: UInt32) {
        self.job = job
        self.name = name
        phase = .queued
        round = .initial
        self.totalRounds = totalRounds
        connectedAgents = 0
        evaluatedRound = .initial
        evaluation = EvaluationSummary()
        acceptedUpdates = 0
        refusedUpdates = 0
        bytesUp = 0
        bytesUpByKind = BytesByKind()
        bytesDown = 0
        trainedSamples = 0
        elapsed = .zero
        trainingTime = .zero
        modelDigest = nil
        message = ""
    }
}

/// Something that happened to a job, for those who watch it.
public struct JobEvent: Sendable, Equatable {
    /// What kind of thing happened.
    public enum Kind: UInt32, Sendable, Hashable, CaseIterable {
        /// The state changed in another way; see the status.
        case status = 1
        /// A round began.
        case roundStarted = 2
        /// A round's model is durable.
        case roundCommitted = 3
        /// A round was abandoned.
        case roundAbandoned = 4
        /// A model's evaluation is complete.
        case evaluated = 5
        /// An update was refused, or an agent failed or was lost; the message says which and why.
        case agentTrouble = 6
        /// The job is over.
        case ended = 7
    }

    /// What happened.
    public var kind: Kind
    /// The job's state after it.
    public var status: JobStatus
    /// One line for a person; may be empty.
    public var message: String

    /// Creates an event.
    public init(kind: Kind, status: JobStatus, message: String = "") {
        self.kind = kind
        self.status = status
        self.message = message
    }
}
