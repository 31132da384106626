// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Something that happened to a coordinator.
public enum CoordinatorInput: Sendable {
    /// A peer connected; its address is for the log.
    case opened(ConnectionID, peer: String)
    /// A message arrived.
    case received(ConnectionID, AgentMessage)
    /// Bytes arrived that are no message.
    case malformed(ConnectionID, ReasonCode, String)
    /// A connection ended.
    case closed(ConnectionID, String)
    /// What was given to the journal is written, or could not be.
    case recorded(RecordToken)
    /// The journal refused to write.
    case recordFailed(RecordToken, String)
    /// A model is there, updates were combined, or that failed.
    case job(JobID, JobInput)
    /// The spool of an offered update is open and holds this many bytes of it already.
    case spoolOpened(UpdateKey, BlobDigest, heldBytes: Int)
    /// The spool cannot be written.
    case spoolFailed(UpdateKey, BlobDigest, String)
    /// The bytes of an update were checked.
    case checked(UpdateKey, BlobDigest, UpdateCheck)
    /// So many bytes of a model went to an agent.
    case sentBytes(JobID, ConnectionID, Int)
    /// A round's model and journal entries are on stable storage.
    case durable(JobID, RoundNumber)
    /// Something happened to an adaptation job.
    case adaptation(JobID, AdaptationInput)
    /// The clock reached ``CoordinatorCore/nextDeadline``.
    case timer
    /// The process stops on purpose.
    case shutdown
}

/// Something that a coordinator wants done.
public enum CoordinatorAction: Sendable {
    /// Send a message.
    case send(ConnectionID, CoordinatorMessage)
    /// Send a model's bytes from an offset on, in chunks with this transfer number. Replaces a transfer under way.
    case sendModel(ConnectionID, transfer: UInt64, JobID, ModelReference.Part, offset: Int)
    /// Send a last message, then close.
    case close(ConnectionID, Goodbye)
    /// Open the spool of an offered update, keeping what it holds; then
    /// ``CoordinatorInput/spoolOpened(_:_:heldBytes:)``.
    case openSpool(UpdateOffer)
    /// Append to an open spool.
    case spool(UpdateKey, offset: Int, ByteSlice)
    /// Close a spool and keep what it holds.
    case suspendSpool(UpdateKey)
    /// Delete a spool.
    case discardSpool(UpdateKey)
    /// Check a complete update; then ``CoordinatorInput/checked(_:_:_:)``.
    case check(UpdateOffer, CheckRules)
    /// Write to the journal; then ``CoordinatorInput/recorded(_:)``.
    case record([JournalEntry], RecordToken)
    /// Provide a model; then ``JobInput/modelReady(_:)``.
    case prepareModel(JobID, RoundNumber, JobSpecification)
    /// Combine updates; then ``JobInput/folded(_:)``.
    case fold(JobID, RoundNumber, [AcceptedUpdate])
    /// Bring a committed round to stable storage; then ``CoordinatorInput/durable(_:_:)``. Its updates may go after
    /// that.
    case makeDurable(JobID, RoundNumber)
    /// Delete the spools of an attempt that does not count.
    case discardRound(JobID, RoundNumber, attempt: UInt32)
    /// Forget all spooled updates of a job's rounds up to this one.
    case discardSpools(JobID, through: RoundNumber)
    /// The job is over: drop what only it needed.
    case release(JobID)
    /// An adaptation job wants something done.
    case adaptation(JobID, AdaptationAction)
    /// Something happened to a job: for the log, the progress display, the metrics.
    case notify(JobEvent)
    /// A line for the log.
    case log(LogLine)
}

/// Names what a coordinator is having written.
public enum RecordToken: Sendable, Hashable {
    /// A job's facts.
    case job(JobID, JobRecord)
    /// A new job, asked for on this connection.
    case submission(JobID, ConnectionID)
    /// An adaptation job's facts.
    case adaptation(JobID, AdaptationRecord)

    /// Whether it is answered only once it is on stable storage: that a job exists, and that it is over.
    public var isLasting: Bool {
        switch self {
        case .submission, .job(_, .ended), .adaptation(_, .kept), .adaptation(_, .purge), .adaptation(_, .ended): true
        case .job, .adaptation(_, .running): false
        }
    }
}

/// What a complete update is checked against.
public struct CheckRules: Sendable, Equatable {
    /// The tensors.
    public var layout: TensorLayout
    /// The seed that the agent coded with.
    public var seed: UInt64
    /// The largest norm; 0 for no bound.
    public var maximumNorm: Double

    /// Creates rules.
    public init(layout: TensorLayout, seed: UInt64, maximumNorm: Double) {
        self.layout = layout
        self.seed = seed
        self.maximumNorm = maximumNorm
    }
}

/// What the check of an update found.
public enum UpdateCheck: Sendable, Equatable {
    /// It is what it should be; its Euclidean norm, and where its bytes go.
    case passed(norm: Double, BytesByKind = BytesByKind())
    /// It does not count.
    case refused(ReasonCode, String)
    /// It could not be read from the spool.
    case unreadable(String)
}

/// A line for the log.
public struct LogLine: Sendable, Equatable {
    /// How important the line is.
    public enum Level: Sendable, Equatable {
        /// For those who look for a fault.
        case debug
        /// What a person who runs the program wants to know.
        case info
        /// Something went wrong that did not stop the work.
        case warning
        /// Something went wrong that needs a person.
        case error
    }

    /// How important the line is.
    public var level: Level
    /// The line.
    public var message: String

    /// Creates a line.
    public init(_ level: Level, _ message: String) {
        self.level = level
        self.message = message
    }
}
