// SPDX-License-Identifier: Apache-2.0

/// Everything that a coordinator decides: who may connect, which job runs, who is asked, what counts.
///
/// It performs nothing itself. A shell feeds it what happened and does what it says, in the order in which it says it:
/// the daemon with sockets and disk, the simulator with virtual ones.
public struct CoordinatorCore: Sendable {
    let configuration: CoordinatorConfiguration
    /// Says why a job's specification cannot be run, or nil.
    let validate: @Sendable (JobSpecification) -> String?

    var sessions: [ConnectionID: Session] = [:]
    /// The connections that have not said hello, and until when they must.
    var greeting: [ConnectionID: Instant] = [:]
    /// The agents that are or were connected, and are not given up.
    var agents: [AgentID: AgentRecord] = [:]
    /// The agents whose connection ended, and when.
    var lost: [AgentID: Instant] = [:]
    var jobs: [JobID: JobMachine] = [:]
    var adaptations: [JobID: AdaptationMachine] = [:]
    /// Who asked for samples to be deleted, and what is still to be answered.
    var purges: [PurgeRequest] = []
    /// Jobs that are being written to the journal.
    var submissions: [JobID: JobSpecification] = [:]
    /// The last round of each job whose model is on stable storage: agents may forget their updates of it.
    var durableRounds: [JobID: RoundNumber] = [:]
    /// The updates of committed rounds that are not durable yet, in jobs that carry work from round to round.
    var unreleased: [JobID: [RoundNumber: [UpdateKey]]] = [:]
    /// What travelled to and from each agent for each job.
    var traffic: [JobID: [AgentID: AgentTraffic]] = [:]
    var activeJob: JobID?
    var lastJobNumber: UInt64 = 0
    var uploads = UploadTable()
    /// What agents offered before their round was taken up after a restart: looked at once it is.
    var earlyOffers: [AgentID: UpdateOffer] = [:]
    var evaluations: [RoundNumber: EvaluationCollector] = [:]
    /// The models that agents may ask for: the active job's current and last one.
    var servedModels: [ModelReference] = []
    var nextSilenceCheck: Instant
    var isShuttingDown = false

    /// Creates a coordinator that knows the given jobs.
    ///
    /// - Parameters:
    ///   - configuration: the knobs.
    ///   - recovered: the jobs of the journal. What the journal tells is on stable storage, and so are the models of
    ///     the last
    ///     committed rounds: where such a model was lost, the shell combined it again from the spool before.
    ///   - now: the time.
    ///   - validate: says why a specification cannot be run (an unknown model, rule or codec), or nil.
    public init(
        configuration: CoordinatorConfiguration = CoordinatorConfiguration(),
        recovering recovered: [RecoveredJob] = [],
        at now: Instant,
        validate: @escaping @Sendable (JobSpecification) -> String?
    ) {
        self.configuration = configuration
        self.validate = validate
        nextSilenceCheck = now.advanced(by: configuration.silenceLimit / 4)
        for job in recovered {
            lastJobNumber = max(lastJobNumber, job.job.number)
            guard job.specification.adaptation == nil else {
                adaptations[job.job] = AdaptationMachine(recovering: job)
                continue
            }
            jobs[job.job] = JobMachine(recovering: job)
            durableRounds[job.job] = job.committed.last?.round
            // Agents of an open round get the usual time to come back.
            let asked = (job.open?.cohort ?? []) + job.carried.map(\.key.agent)
            for agent in asked where agents[agent] == nil {
                agents[agent] = AgentRecord()
                lost[agent] = now
            }
        }
    }

    /// Takes up the jobs that were recovered. Call once, before any other input.
    public mutating func start(at now: Instant) -> [CoordinatorAction] {
        var actions: [CoordinatorAction] = []
        startNextJob(now, &actions)
        for job in adaptations.keys.sorted() { beginAdaptation(job, now, &actions) }
        return actions
    }

    /// When ``CoordinatorInput/timer`` is due.
    public var nextDeadline: Instant {
        var deadline = nextSilenceCheck
        for until in greeting.values { deadline = min(deadline, until) }
        for lostAt in lost.values { deadline = min(deadline, lostAt.advanced(by: configuration.agentGrace)) }
        if let job = activeJob.flatMap({ jobs[$0] })?.nextDeadline { deadline = min(deadline, job) }
        for evaluation in evaluations.values { deadline = min(deadline, evaluation.deadline) }
        return deadline
    }

    /// The connections that are open.
    public var connectionCount: Int { sessions.count }

    /// The job that runs.
    public var runningJob: JobID? { activeJob }

    /// The jobs as operators see them, in order.
    public var allStatuses: [JobStatus] {
        (jobs.values.map(\.status) + adaptations.values.map(\.status)).sorted { $0.job < $1.job }
    }

    /// The digest of an update that is on its way.
    public func digestOfUpload(_ key: UpdateKey) -> BlobDigest? { uploads[key]?.offer.digest }

    /// The seeds with which a job's agents code their updates.
    public func codingSeed(of job: JobID) -> @Sendable (UpdateKey) -> UInt64 {
        guard let machine = jobs[job] else { preconditionFailure("only known jobs have seeds") }
        let seed = machine.specification.seed
        return { JobMachine.seed(of: $0, jobSeed: seed) }
    }

    /// Takes note that bytes of a message arrived that is not complete yet: a slow line is no dead one.
    public mutating func heard(_ connection: ConnectionID, at now: Instant) {
        sessions[connection]?.lastHeard = now
    }

    /// Counts bytes of a model that went out on a connection, without any other effect.
    public mutating func countSentBytes(_ job: JobID, _ count: Int, on connection: ConnectionID) {
        jobs[job]?.status.bytesDown += UInt64(count)
        guard let agent = sessions[connection]?.agent else { return }
        traffic[job, default: [:]][agent, default: AgentTraffic(agent: agent)].bytesDown += UInt64(count)
    }

    /// What travelled to and from each agent for a job since the start, in the order of their names.
    public func traffic(of job: JobID) -> [AgentTraffic] {
        (traffic[job] ?? [:]).values.sorted { $0.agent < $1.agent }
    }

    /// Whether every job is over.
    public var isIdle: Bool {
        activeJob == nil && jobs.values.allSatisfy(\.isOver) && adaptations.values.allSatisfy(\.isOver)
    }

    /// Takes in what happened and says what is to be done, in this order.
    public mutating func handle(_ input: CoordinatorInput, at now: Instant) -> [CoordinatorAction] {
        var actions: [CoordinatorAction] = []
        switch input {
        case .opened(let connection, let peer):
            opened(connection, peer, now, &actions)
        case .received(let connection, let message):
            received(message, on: connection, now, &actions)
        case .malformed(let connection, let reason, let message):
            drop(connection, Goodbye(reason, message), now, &actions)
        case .closed(let connection, let why):
            closed(connection, why, now, &actions)
        case .recorded(let token):
            recorded(token, now, &actions)
        case .recordFailed(let token, let message):
            recordFailed(token, message, now, &actions)
        case .job(let job, let input):
            step(job, input, now, &actions)
        case .spoolOpened(let key, let digest, let heldBytes):
            spoolOpened(key, digest, heldBytes, now, &actions)
        case .spoolFailed(let key, let digest, let message):
            spoolFailed(key, digest, message, now, &actions)
        case .checked(let key, let digest, let check):
            checked(key, digest, check, now, &actions)
        case .sentBytes(let job, let connection, let count):
            countSentBytes(job, count, on: connection)
        case .durable(let job, let round):
            durableRounds[job] = max(durableRounds[job] ?? .initial, round)
            release(job, through: round, &actions)
        case .adaptation(let job, let input):
            step(job, input, now, &actions)
        case .timer:
            timer(now, &actions)
        case .shutdown:
            shutdown(now, &actions)
        }
        return actions
    }

    private mutating func received(
        _ message: AgentMessage,
        on connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard sessions[connection] != nil else { return }
        sessions[connection]?.lastHeard = now
        if case .hello(let hello) = message {
            return greet(hello, connection, now, &actions)
        }
        switch (sessions[connection]?.state, message) {
        case (.agent, .heartbeat), (.operator, .heartbeat):
            actions.append(.send(connection, .heartbeat))
        case (_, .goodbye(let goodbye)):
            drop(connection, Goodbye(goodbye.reason, "the peer said goodbye: \(goodbye.message)"), now, &actions)
        case (.agent(let agent), .progress):
            actions.append(.log(LogLine(.debug, "\(agent) reports progress")))
        case (.agent(let agent), .blobRequest(let request)):
            blobRequested(request, by: agent, connection, now, &actions)
        case (.agent(let agent), .offer(let offer)):
            offered(offer, by: agent, connection, now, &actions)
        case (.agent, .chunk(let chunk)):
            arrived(chunk, on: connection, now, &actions)
        case (.agent(let agent), .evaluation(let report)):
            evaluationArrived(report, from: agent, now, &actions)
        case (.agent(let agent), .taskFailed(let failure)):
            taskFailed(failure, of: agent, connection, now, &actions)
        case (.agent(let agent), .streamReport(let report)):
            stepAdaptation(report.job, now, &actions) { $0.reported(report, by: agent, now) }
        case (.agent(let agent), .sampleOffer(let offer)):
            samplesOffered(offer, by: agent, connection, now, &actions)
        case (.operator, .operatorRequest(let request)):
            requested(request, connection, now, &actions)
        default:
            let text = "a message that does not belong here; the first one must be a hello"
            drop(connection, Goodbye(.protocolViolation, text), now, &actions)
        }
    }

    private mutating func taskFailed(
        _ failure: TaskFailure,
        of agent: AgentID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard failure.key.agent == agent else {
            let text = "a failure in the name of another agent"
            return drop(connection, Goodbye(.protocolViolation, text), now, &actions)
        }
        if failure.key.attempt == 0 {
            evaluationFailed(failure.key.job, failure.key.round, agent, now, &actions)
        } else {
            step(failure.key.job, .failed(failure.key, failure.reason, failure.message), now, &actions)
        }
    }

    private mutating func timer(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        checkSilence(now, &actions)
        for agent in lost.filter({ now >= $0.value.advanced(by: configuration.agentGrace) }).keys.sorted() {
            agents[agent] = nil
            lost[agent] = nil
            if let job = activeJob { step(job, .agentUnavailable(agent), now, &actions) }
            for (round, evaluation) in evaluations.sorted(by: { $0.key < $1.key }) {
                evaluationFailed(evaluation.job, round, agent, now, &actions)
            }
        }
        for round in evaluations.filter({ now >= $0.value.deadline }).keys.sorted() {
            finishEvaluation(round, now, &actions)
        }
        if let job = activeJob, let due = jobs[job]?.nextDeadline, now >= due { step(job, .timer, now, &actions) }
    }

    private mutating func shutdown(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        isShuttingDown = true
        let goodbye = Goodbye(
            .shuttingDown,
            "the coordinator stops; come back later",
            retryAfter: configuration.reconnectLatest
        )
        for connection in sessions.keys.sorted(by: { $0.value < $1.value }) {
            drop(connection, goodbye, now, &actions)
        }
    }
}
