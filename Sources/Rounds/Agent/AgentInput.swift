// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Who an agent is and how patient it is.
public struct AgentConfiguration: Sendable, Hashable {
    /// The agent's name.
    public var agent: AgentID
    /// A random number that is new with every start of the process.
    public var incarnation: UInt64
    /// The codecs that the agent can encode and decode.
    public var codecs: [String]
    /// Labels for selection by predicate.
    public var labels: [String: String]
    /// Resources for selection by predicate.
    public var resources: [String: Double]
    /// The software and its version.
    public var software: String
    /// How long the very first connection may take, with retries, before the agent gives up; nil for ever. Once it was
    /// connected, an agent comes back for ever.
    public var patience: Duration?
    /// The longest pause between two attempts to connect.
    public var longestPause: Duration
    /// The time that connecting and saying hello may take.
    public var handshakeLimit: Duration

    /// Creates a configuration.
    public init(
        agent: AgentID,
        incarnation: UInt64,
        codecs: [String] = ["fp32"],
        labels: [String: String] = [:],
        resources: [String: Double] = [:],
        software: String = "",
        patience: Duration? = .seconds(30),
        longestPause: Duration = .seconds(15),
        handshakeLimit: Duration = .seconds(10)
    ) {
        self.agent = agent
        self.incarnation = incarnation
        self.codecs = codecs
        self.labels = labels
        self.resources = resources
        self.software = software
        self.patience = patience
        self.longestPause = longestPause
        self.handshakeLimit = handshakeLimit
    }
}

/// Something that happened to an agent.
public enum AgentInput: Sendable {
    /// The process began.
    case start
    /// The connection is there.
    case connected
    /// The connection could not be made.
    case connectFailed(String)
    /// The connection ended.
    case disconnected(String)
    /// A message arrived.
    case received(CoordinatorMessage)
    /// Bytes arrived that are no message.
    case malformed(ReasonCode, String)
    /// A model whose bytes are all there was checked and decoded, or is damaged.
    case modelChecked(BlobDigest, isValid: Bool)
    /// Training is done; the coded update lies in the outbox.
    case trained(UpdateOffer)
    /// Training failed.
    case trainingFailed(UpdateKey, ReasonCode, String)
    /// How far training is.
    case progressed(UpdateKey, steps: UInt64, totalSteps: UInt64)
    /// An evaluation is done.
    case evaluated(JobID, RoundNumber, EvaluationSummary)
    /// An evaluation failed.
    case evaluationFailed(JobID, RoundNumber, ReasonCode, String)
    /// A batch of samples lies in the outbox.
    case samplesReady(SampleOffer)
    /// What became of the stream so far.
    case streamReported(StreamReport)
    /// The clock reached ``AgentCore/nextDeadline``.
    case timer
    /// The process is asked to stop.
    case stop
}

/// Something that an agent wants done.
public enum AgentAction: Sendable {
    /// Connect; then ``AgentInput/connected`` or ``AgentInput/connectFailed(_:)``.
    case connect
    /// Send a last message if there is one, then close. No ``AgentInput/disconnected(_:)`` follows.
    case disconnect(Goodbye?)
    /// Send a message.
    case send(AgentMessage)
    /// Keep a piece of the model's part that is being loaded.
    case storeModel(ModelReference.Part, offset: Int, ByteSlice)
    /// Check and decode the loaded part, then ``AgentInput/modelChecked(_:isValid:)``. It takes the place of the held
    /// model, or, with `after`, is added to the model whose last part has that digest; a part that finds another model
    /// held is not valid.
    case checkModel(ModelReference.Part, TensorLayout, after: BlobDigest?)
    /// Train on the loaded model, code the update, put it into the outbox; then ``AgentInput/trained(_:)``.
    case train(TrainTask)
    /// Evaluate the loaded model; then ``AgentInput/evaluated(_:_:_:)``.
    case evaluate(EvaluateTask)
    /// Stop training; nothing follows.
    case abort(UpdateKey)
    /// Send an update of the outbox from an offset on, in chunks with this transfer number.
    case sendUpdate(UpdateKey, transfer: UInt64, offset: Int)
    /// Send no more of that update.
    case stopSending(UpdateKey)
    /// Delete an update of the outbox.
    case forget(UpdateKey)
    /// Answer the stream with the loaded model; then ``AgentInput/streamReported(_:)`` and
    /// ``AgentInput/samplesReady(_:)`` again and again.
    case stream(StreamTask)
    /// Stop answering the stream.
    case endStream(StreamEnd)
    /// Send a batch of samples from an offset on, in chunks with this transfer number.
    case sendSamples(SampleOffer, transfer: UInt64, offset: Int)
    /// A batch was taken or refused for good: delete it.
    case settleSamples(SampleVerdict)
    /// Apply what the cloud learnt.
    case adapt(AdaptationPush)
    /// The coordinator deleted samples: note it in the audit log.
    case samplesPurged(PurgeReceipt)
    /// A line for the log.
    case log(LogLine)
    /// End the process.
    case stop(AgentStop)
}

/// Why an agent ends.
public enum AgentStop: Sendable, Equatable {
    /// It was asked to.
    case asked
    /// The coordinator could not be reached within the agent's patience.
    case unreachable(String)
    /// The coordinator refuses this agent for good.
    case refused(ReasonCode, String)
}
