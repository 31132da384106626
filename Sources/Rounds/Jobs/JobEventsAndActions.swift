// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Something that happened to a job.
public enum JobInput: Sendable {
    /// The job's turn has come.
    case begin
    /// An agent can be asked; it says that it has so many samples, unchecked, or nothing new of them.
    case agentAvailable(AgentID, samples: Double? = nil)
    /// An agent's connection ended; it may come back. New rounds do not ask it.
    case agentDisconnected(AgentID)
    /// An agent was lost: it did not come back in time.
    case agentUnavailable(AgentID)
    /// The model that was asked for is there.
    case modelReady(PreparedModel)
    /// The model that was asked for cannot be had; the job fails.
    case modelFailed(ReasonCode, String)
    /// An update passed its checks.
    case verified(AcceptedUpdate)
    /// All these updates passed their checks, in a shell without a journal: they count without being recorded.
    case verifiedTogether([AcceptedUpdate])
    /// An agent's update was refused, or it could not do its task.
    case failed(UpdateKey, ReasonCode, String)
    /// What was given to the journal is written.
    case recorded(JobRecord)
    /// The journal refused to write.
    case recordFailed(JobRecord, String)
    /// The updates were combined; the new model is published.
    case folded(PreparedModel)
    /// The updates could not be combined.
    case foldFailed(ReasonCode, String)
    /// A model's evaluation is complete.
    case evaluated(RoundNumber, EvaluationSummary)
    /// The clock reached ``JobMachine/nextDeadline``.
    case timer
    /// An operator cancels the job.
    case cancel
}

/// Something that a job wants done.
public enum JobAction: Sendable {
    /// Write to the journal, then answer with ``JobInput/recorded(_:)``.
    case record([JournalEntry], JobRecord)
    /// Provide the model of a round (0: the initial one), then answer with ``JobInput/modelReady(_:)``.
    case prepareModel(RoundNumber)
    /// Ask an agent to train.
    case assign(AgentID, TrainTask)
    /// Ask all these agents to train; only where ``JobMachine/asksTogether`` is set.
    case assignTogether(TaskGroup)
    /// Tell an agent that its update counts.
    case accept(UpdateKey)
    /// Tell an agent that its update does not count.
    case refuse(UpdateKey, ReasonCode, String)
    /// Take a task back.
    case withdraw(UpdateKey, ReasonCode)
    /// Combine these updates, in this order, with the current model.
    case fold(RoundNumber, [AcceptedUpdate])
    /// A round's model is the current one now; the updates in it may go once it is durable.
    case committed(CommittedRound)
    /// An attempt was given up; the updates in it may go.
    case abandoned(RoundNumber, attempt: UInt32)
    /// Have a model evaluated, then answer with ``JobInput/evaluated(_:_:)``.
    case evaluate(RoundNumber)
    /// Tell those who watch.
    case notify(JobEvent)
    /// The job is over.
    case ended
}

/// Names what a job is having written.
public enum JobRecord: Sendable, Hashable {
    /// That the job trains.
    case running
    /// That a round began.
    case roundStarted
    /// That an update counts.
    case accepted(AgentID)
    /// That an update was refused.
    case refused
    /// That a round's model is the current one.
    case committed
    /// That a round was given up.
    case abandoned
    /// An evaluation's result.
    case evaluated
    /// That the job is over.
    case ended
}

/// A model that is ready to be sent to agents.
public struct PreparedModel: Sendable, Equatable {
    /// Where to get the coded model.
    public var reference: ModelReference
    /// The model's tensors.
    public var layout: TensorLayout
    /// The digest of the model's elements as 32-bit floats.
    public var modelDigest: BlobDigest
    /// The bytes that a coded update of this model can have.
    public var updateBytes: ClosedRange<Int>
    /// The factor on the agents' learning rate when they train on this model.
    public var learningRateFactor: Double
    /// Whether agents keep a memory between rounds, so that tasks tell which of their updates counted.
    public var agentsRemember: Bool

    /// Creates a description of a model.
    public init(
        reference: ModelReference,
        layout: TensorLayout,
        modelDigest: BlobDigest,
        updateBytes: ClosedRange<Int>,
        learningRateFactor: Double = 1,
        agentsRemember: Bool = false
    ) {
        self.reference = reference
        self.layout = layout
        self.modelDigest = modelDigest
        self.updateBytes = updateBytes
        self.learningRateFactor = learningRateFactor
        self.agentsRemember = agentsRemember
    }
}
