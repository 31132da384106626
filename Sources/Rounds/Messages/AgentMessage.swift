// SPDX-License-Identifier: Apache-2.0

/// What an agent, or an operator's command line, sends to a coordinator.
public enum AgentMessage: Sendable {
    /// The first message of a connection.
    case hello(Hello)
    /// A sign of life; sent when nothing else was sent for a heartbeat interval.
    case heartbeat
    /// Asks for a blob's bytes from an offset on.
    case blobRequest(BlobRequest)
    /// Tells how far a task is; extends the progress deadline.
    case progress(TaskProgress)
    /// Offers a finished update.
    case offer(UpdateOffer)
    /// A piece of an update that the coordinator asked for.
    case chunk(BlobChunk)
    /// The result of an evaluation task.
    case evaluation(EvaluationReport)
    /// A task that could not be done.
    case taskFailed(TaskFailure)
    /// The last message of a connection that ends on purpose.
    case goodbye(Goodbye)
    /// An operator's request.
    case operatorRequest(OperatorRequest)
    /// Tells what became of a device's stream so far.
    case streamReport(StreamReport)
    /// Offers a batch of samples.
    case sampleOffer(SampleOffer)
}

/// What a coordinator sends to an agent or an operator.
public enum CoordinatorMessage: Sendable {
    /// Accepts a connection.
    case welcome(Welcome)
    /// A sign of life, the answer to a heartbeat.
    case heartbeat
    /// A task to train.
    case train(TrainTask)
    /// A task to evaluate a model.
    case evaluate(EvaluateTask)
    /// A piece of a blob that the agent asked for.
    case chunk(BlobChunk)
    /// Asks for the bytes of an offered update.
    case uploadRequest(UploadRequest)
    /// Says what became of an offered update.
    case verdict(UpdateVerdict)
    /// Says that a round's model is durable: the agent may forget its update.
    case roundCommitted(RoundCommitted)
    /// Withdraws a task.
    case cancel(TaskCancellation)
    /// Ends the connection, with a reason.
    case goodbye(Goodbye)
    /// The answer to an operator's request, or the next event of a job that the operator watches.
    case operatorReply(OperatorReply)
    /// Asks a device to answer its stream, and to send samples of it.
    case stream(StreamTask)
    /// Asks for the bytes of an offered batch of samples.
    case sampleRequest(SampleRequest)
    /// Says what became of an offered batch of samples.
    case sampleVerdict(SampleVerdict)
    /// What the cloud learnt from samples.
    case adaptation(AdaptationPush)
    /// Ends a device's part in an adaptation job.
    case streamEnd(StreamEnd)
    /// Says that a device's samples were deleted.
    case samplesPurged(PurgeReceipt)
}

/// Opens a connection: who is there and what it can do.
public struct Hello: Sendable, Equatable {
    /// What the peer wants to be.
    public enum Role: Sendable, Equatable {
        /// Trains and evaluates.
        case agent
        /// Submits and watches jobs.
        case `operator`
    }

    /// The oldest protocol version that the peer speaks.
    public var oldestVersion: UInt32
    /// The newest protocol version that the peer speaks.
    public var newestVersion: UInt32
    /// What the peer wants to be.
    public var role: Role
    /// The agent's name; unchecked here. Empty for an operator.
    public var agent: String
    /// A random number that is new with every start of the agent's process.
    public var incarnation: UInt64
    /// The codecs that the agent can encode and decode.
    public var codecs: [String]
    /// Labels for selection by predicate: `region` = `eu`.
    public var labels: [String: String]
    /// Resources for selection by predicate: `cores` = 2, `memory_mb` = 4096, `samples` = 600.
    public var resources: [String: Double]
    /// The software and its version, for the log.
    public var software: String

    /// Creates the message.
    public init(
        oldestVersion: UInt32 = ProtocolVersion.oldest,
        newestVersion: UInt32 = ProtocolVersion.newest,
        role: Role = .agent,
        agent: String = "",
        incarnation: UInt64 = 0,
        codecs: [String] = ["fp32"],
        labels: [String: String] = [:],
        resources: [String: Double] = [:],
        software: String = ""
    ) {
        self.oldestVersion = oldestVersion
        self.newestVersion = newestVersion
        self.role = role
        self.agent = agent
        self.incarnation = incarnation
        self.codecs = codecs
        self.labels = labels
        self.resources = resources
        self.software = software
    }
}

/// The protocol versions that this software speaks.
public enum ProtocolVersion {
    /// The oldest version.
    public static let oldest: UInt32 = 1
    /// The newest version.
    public static let newest: UInt32 = 1

    /// The version that two sides use: the newest that both speak; nil if there is none.
    public static func common(oldest theirOldest: UInt32, newest theirNewest: UInt32) -> UInt32? {
        let version = min(newest, theirNewest)
        return version >= max(oldest, theirOldest) ? version : nil
    }
}

/// Accepts a connection and names its rules. All times are durations.
public struct Welcome: Sendable, Equatable {
    /// The protocol version of this connection.
    public var version: UInt32
    /// After this long without sending, the agent sends a heartbeat.
    public var heartbeat: Duration
    /// A side that hears nothing for this long takes the connection for dead.
    public var silenceLimit: Duration
    /// When the connection is lost, the agent waits a random time between these two before it comes back.
    public var reconnectEarliest: Duration
    /// See ``reconnectEarliest``.
    public var reconnectLatest: Duration
    /// The most data that a chunk may carry on this connection, in bytes.
    public var chunkBytes: Int

    /// Creates the message.
    public init(
        version: UInt32 = ProtocolVersion.newest,
        heartbeat: Duration = .seconds(30),
        silenceLimit: Duration = .seconds(90),
        reconnectEarliest: Duration = .milliseconds(100),
        reconnectLatest: Duration = .seconds(2),
        chunkBytes: Int = Limits.chunkBytes
    ) {
        self.version = version
        self.heartbeat = heartbeat
        self.silenceLimit = silenceLimit
        self.reconnectEarliest = reconnectEarliest
        self.reconnectLatest = reconnectLatest
        self.chunkBytes = chunkBytes
    }
}

/// Ends a connection.
public struct Goodbye: Sendable, Equatable {
    /// The stable reason.
    public var reason: ReasonCode
    /// One line for a person.
    public var message: String
    /// When the peer may come back; nil leaves it to the reconnect window.
    public var retryAfter: Duration?

    /// Creates the message.
    public init(_ reason: ReasonCode, _ message: String, retryAfter: Duration? = nil) {
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
    }
}
