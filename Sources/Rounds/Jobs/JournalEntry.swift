// SPDX-License-Identifier: Apache-2.0

/// One fact that a restarted coordinator must know. Facts are only ever added.
public enum JournalEntry: Sendable, Equatable {
    /// A job was submitted.
    case submitted(JobID, JobSpecification)
    /// A job changed its phase.
    case phase(JobID, JobPhase, message: String)
    /// A round began: these agents are asked, each for its reason (nil where the journal is older than reasons); those
    /// of `carried` still work on what they were asked before.
    case roundStarted(
        JobID,
        RoundNumber,
        attempt: UInt32,
        cohort: [AgentID],
        carried: [AskedTask] = [],
        reasons: SelectionReasons? = nil
    )
    /// An update counts in its round. Its bytes are in the spool.
    case accepted(AcceptedUpdate)
    /// An update was refused, or its agent failed.
    case refused(UpdateKey, ReasonCode)
    /// A round was given up; what was accepted in it does not count.
    case roundAbandoned(JobID, RoundNumber, attempt: UInt32)
    /// A round's model is the job's model now.
    case roundCommitted(JobID, CommittedRound)
    /// A model's evaluation is complete.
    case evaluated(JobID, RoundNumber, EvaluationSummary)
    /// A batch of samples is held. Its bytes are on stable storage.
    case samplesKept(KeptSamples)
    /// What is held of an agent's samples up to a batch is deleted, or is about to be.
    case samplesPurged(PurgeReceipt)
}

/// What a committed round leaves behind.
public struct CommittedRound: Sendable, Hashable {
    /// The round.
    public var round: RoundNumber
    /// The digest of the model's elements as 32-bit floats.
    public var modelDigest: BlobDigest
    /// The updates in it.
    public var updateCount: Int
    /// The sum of the weights.
    public var weight: Double
    /// The bytes of the updates.
    public var bytesUp: UInt64
    /// The same by kind of tensor.
    public var bytesUpByKind: BytesByKind
    /// Samples that went through training.
    public var trainedSamples: UInt64
    /// The mean training loss, weighted as the updates are.
    public var loss: Double
    /// The training time of the slowest agent.
    public var trainingTime: Duration
    /// The time from the round's first task to its commit.
    public var elapsed: Duration

    /// Creates a record.
    public init(
        round: RoundNumber,
        modelDigest: BlobDigest,
        updateCount: Int,
        weight: Double,
        bytesUp: UInt64,
        trainedSamples: UInt64,
        loss: Double,
        trainingTime: Duration,
        elapsed: Duration,
        bytesUpByKind: BytesByKind = BytesByKind()
    ) {
        self.round = round
        self.modelDigest = modelDigest
        self.updateCount = updateCount
        self.weight = weight
        self.bytesUp = bytesUp
        self.trainedSamples = trainedSamples
        self.loss = loss
        self.trainingTime = trainingTime
        self.elapsed = elapsed
        self.bytesUpByKind = bytesUpByKind
    }

    /// Sums up the updates of a round.
    public init(
        round: RoundNumber,
        modelDigest: BlobDigest,
        updates: [AcceptedUpdate],
        elapsed: Duration
    ) {
        let weight = updates.reduce(0) { $0 + $1.weight }
        var kinds = BytesByKind()
        for update in updates { kinds.add(update.bytesByKind) }
        self.init(
            round: round,
            modelDigest: modelDigest,
            updateCount: updates.count,
            weight: weight,
            bytesUp: updates.reduce(0) { $0 + UInt64($1.byteCount) },
            trainedSamples: updates.reduce(0) { $0 &+ $1.trainedSamples },
            loss: weight > 0 ? updates.reduce(0) { $0 + $1.weight * $1.loss } / weight : 0,
            trainingTime: updates.map(\.trainingTime).max() ?? .zero,
            elapsed: elapsed,
            bytesUpByKind: kinds
        )
    }
}

/// A job as the journal tells it after a restart.
public struct RecoveredJob: Sendable, Equatable {
    /// A round that began and did not end.
    public struct OpenRound: Sendable, Equatable {
        /// The round.
        public var round: RoundNumber
        /// The attempt at it.
        public var attempt: UInt32
        /// The agents asked.
        public var cohort: [AgentID]
        /// The updates that count already, in any order.
        public var accepted: [AcceptedUpdate]
        /// The agents whose update was refused.
        public var refused: [AgentID: ReasonCode]
        /// What agents of the cohort still work on from earlier.
        public var carried: [AskedTask]
        /// Why each agent of the cohort was chosen; nil where that is not known.
        public var reasons: SelectionReasons?

        /// Creates a description of an open round.
        public init(
            round: RoundNumber,
            attempt: UInt32,
            cohort: [AgentID],
            accepted: [AcceptedUpdate] = [],
            refused: [AgentID: ReasonCode] = [:],
            carried: [AskedTask] = [],
            reasons: SelectionReasons? = nil
        ) {
            self.carried = carried
            self.reasons = reasons
            self.round = round
            self.attempt = attempt
            self.cohort = cohort
            self.accepted = accepted
            self.refused = refused
        }
    }

    /// What agents still work on between a commit and the next round, in buffered rounds; in the agents' order.
    public var carried: [AskedTask]
    /// The job.
    public var job: JobID
    /// Its specification.
    public var specification: JobSpecification
    /// Its last recorded phase.
    public var phase: JobPhase
    /// The message recorded with the phase.
    public var message: String
    /// The committed rounds in order.
    public var committed: [CommittedRound]
    /// The updates in the last committed round, in order.
    public var lastCommitted: [UpdateKey]
    /// The round that was under way.
    public var open: OpenRound?
    /// Attempts at the current round that were abandoned.
    public var abandonedAttempts: UInt32
    /// Updates refused in all.
    public var refusedUpdates: UInt64
    /// Each agent's last update in a committed round.
    public var lastCounted: [AgentID: CountedUpdate]
    /// The batches of samples that are held, in any order.
    public var samples: [KeptSamples] = []
    /// What was deleted, of each agent oldest first.
    public var receipts: [PurgeReceipt] = []
    /// What is remembered to choose agents by, in jobs whose selection does.
    public var selection: SelectionMemory
    /// The last evaluation.
    public var evaluation: (round: RoundNumber, summary: EvaluationSummary)?

    /// Creates a description of a job that was submitted and nothing else.
    public init(job: JobID, specification: JobSpecification) {
        self.job = job
        self.specification = specification
        phase = .queued
        message = ""
        committed = []
        lastCommitted = []
        carried = []
        abandonedAttempts = 0
        refusedUpdates = 0
        lastCounted = [:]
        selection = SelectionMemory()
    }

    /// Whether both tell the same.
    public static func == (left: RecoveredJob, right: RecoveredJob) -> Bool {
        left.job == right.job && left.specification == right.specification && left.phase == right.phase
            && left.message == right.message && left.committed == right.committed
            && left.lastCommitted == right.lastCommitted && left.carried == right.carried && left.open == right.open
            && left.abandonedAttempts == right.abandonedAttempts && left.refusedUpdates == right.refusedUpdates
            && left.lastCounted == right.lastCounted
            && left.samples.sorted { $0.key < $1.key } == right.samples.sorted { $0.key < $1.key }
            && Set(left.receipts) == Set(right.receipts)
            && left.selection == right.selection
            && left.evaluation?.round == right.evaluation?.round
            && left.evaluation?.summary == right.evaluation?.summary
    }

    /// Adds one fact. Facts of other jobs, and facts that contradict earlier ones, are programmer errors of the
    /// ledger and ignored here only where a crash between two facts can explain them.
    public mutating func apply(_ entry: JournalEntry) {
        switch entry {
        case .submitted:
            break
        case .phase(_, let newPhase, let newMessage):
            phase = newPhase
            message = newMessage
        case .roundStarted(_, let round, let attempt, let cohort, let tasks, let reasons):
            // A round that is told anew, without what was lost of it, has chosen nobody again.
            let isNew = open?.round != round || open?.attempt != attempt
            if isNew, specification.clientSelection.remembers {
                selection.selected(cohort, carried: tasks, in: round)
            }
            open = OpenRound(round: round, attempt: attempt, cohort: cohort, carried: tasks, reasons: reasons)
            carried = []
        case .accepted(let update):
            guard let open, open.key(of: update.key.agent, job) == update.key else { return }
            self.open?.accepted.removeAll { $0.key == update.key }
            self.open?.accepted.append(update)
        case .refused(let key, let reason):
            refusedUpdates += 1
            carried.removeAll { $0.key == key }
            guard let open, open.key(of: key.agent, job) == key else { return }
            self.open?.refused[key.agent] = reason
        case .roundAbandoned(_, let round, let attempt):
            guard open?.round == round, open?.attempt == attempt else { return }
            abandonedAttempts = attempt
            open = nil
        case .roundCommitted(_, let round):
            committed.append(round)
            lastCommitted = open?.accepted.map(\.key).sorted() ?? []
            if specification.clientSelection.remembers {
                for update in open?.accepted ?? [] { selection.counted(update) }
            }
            for key in lastCommitted { lastCounted[key.agent] = CountedUpdate(round: key.round, attempt: key.attempt) }
            if specification.round.mode == .buffered { carried = open?.unanswered(job) ?? [] }
            open = nil
            abandonedAttempts = 0
        case .evaluated(_, let round, let summary):
            evaluation = (round, summary)
        case .samplesKept(let kept):
            samples.removeAll { $0.key == kept.key }
            samples.append(kept)
        case .samplesPurged(let receipt):
            samples.removeAll { $0.key.agent == receipt.agent && $0.key.sequence <= receipt.lastSequence }
            if !receipts.contains(where: { $0.agent == receipt.agent && $0.number == receipt.number }) {
                receipts.append(receipt)
            }
        }
    }
}
