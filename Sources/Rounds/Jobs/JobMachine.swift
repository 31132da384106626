// SPDX-License-Identifier: Apache-2.0

import Randomness

/// Runs one job: gathers agents, runs round after round, and ends.
///
/// It knows agents by name only; who is connected how, and how bytes travel, is the business of whoever drives it: the
/// coordinator's core over sessions and transfers, or the fast simulation directly.
///
///     queued -> preparing -> gathering -> starting -> training -> folding -> committing --+
///                                ^            ^                                           |
///                                |            +------------- abandoning                   |
///                                +--------------------------------------------------------+
///                                                        last round -> evaluating -> ending -> over
public struct JobMachine: Sendable {
    enum Stage {
        case queued
        case preparing
        /// Waits for all agents until then, after that (nil) for the quorum only.
        case gathering(until: Instant?)
        case starting(RoundMachine)
        case training(RoundMachine)
        case folding(RoundMachine)
        case committing(RoundMachine, PreparedModel, CommittedRound)
        case abandoning
        case evaluating
        case ending
        case over
    }

    /// How long a round waits for agents that were there before, when enough for the quorum are there.
    public static let gatheringGrace: Duration = .seconds(30)
    /// After this long, what the disk refused is tried again.
    public static let storageRetry: Duration = .seconds(5)

    /// The job.
    public let job: JobID
    /// What it trains, with whom, for how long.
    public let specification: JobSpecification
    /// Its state as operators see it. Whoever drives the machine fills in the connected agents and the bytes sent.
    public internal(set) var status: JobStatus
    /// The current model, once there is one.
    public private(set) var model: PreparedModel?
    /// What is remembered to choose agents by, in jobs whose selection does.
    public internal(set) var selection = SelectionMemory()
    /// Whether a round begins with one ``JobAction/assignTogether(_:)`` where its tasks differ in their agents alone.
    public var asksTogether = false

    var stage = Stage.queued
    /// The agents that can be asked, in order.
    private(set) var available: [AgentID] = []
    var abandonedAttempts: UInt32 = 0
    var recoveredRound: RecoveredJob.OpenRound?
    /// The updates in the last committed round: offering them again is acknowledged again.
    var lastCommitted: Set<UpdateKey> = []
    /// What agents work on beyond the round that is under way: see ``RoundPolicy/Mode``.
    var carried: [AgentID: AskedTask] = [:]
    /// Checked updates that wait for the next round to open.
    var held: [AcceptedUpdate] = []
    /// The model before the current one, which carried work may have started from.
    var previousModel: PreparedModel?
    /// Each agent's last update that counted, in a job whose agents keep a memory.
    var lastCounted: [AgentID: CountedUpdate] = [:]
    /// The samples that agents say they have; missing for none.
    var sampleCounts: [AgentID: Int] = [:]
    /// Why an agent last failed, for the message of a job that has to give up.
    var lastTrouble = ""
    private var hasBegunRounds = false
    /// The agents whose connection ended and that may still come back.
    private var away: Set<AgentID> = []
    /// Whether any agent may be on its way back: nobody is connected yet after a restart.
    private var isFresh = true
    /// What the disk refused, to be tried again.
    private var retries: [JobAction] = []
    private var retryAt: Instant?

    /// Creates a job that was just submitted.
    public init(job: JobID, specification: JobSpecification) {
        self.job = job
        self.specification = specification
        status = JobStatus(job: job, name: specification.name, totalRounds: UInt32(specification.rounds))
    }

    /// Takes up a job where the journal left it.
    public init(recovering recovered: RecoveredJob) {
        self.init(job: recovered.job, specification: recovered.specification)
        status.phase = recovered.phase.isOver ? recovered.phase : .queued
        status.message = recovered.message
        status.refusedUpdates = recovered.refusedUpdates
        for round in recovered.committed {
            status.round = round.round
            status.modelDigest = round.modelDigest
            status.acceptedUpdates += UInt64(round.updateCount)
            status.bytesUp += round.bytesUp
            status.bytesUpByKind.add(round.bytesUpByKind)
            status.trainedSamples += round.trainedSamples
            status.elapsed += round.elapsed
            status.trainingTime += round.trainingTime
        }
        for update in recovered.open?.accepted ?? [] { count(update, sign: 1) }
        lastCounted = recovered.lastCounted
        selection = recovered.selection
        if let evaluation = recovered.evaluation {
            status.evaluatedRound = evaluation.round
            status.evaluation = evaluation.summary
        }
        abandonedAttempts = recovered.abandonedAttempts
        recoveredRound = recovered.open
        lastCommitted = Set(recovered.lastCommitted)
        carried = Dictionary(uniqueKeysWithValues: recovered.carried.map { ($0.key.agent, $0) })
        hasBegunRounds = recovered.open != nil || !recovered.committed.isEmpty || recovered.abandonedAttempts > 0
        if recovered.phase.isOver { stage = .over }
    }

    /// Counts bytes of models that went to agents.
    public mutating func countSentBytes(_ count: Int) {
        status.bytesDown += UInt64(count)
    }

    /// Whether the job will never change again.
    public var isOver: Bool { if case .over = stage { true } else { false } }

    /// When ``JobInput/timer`` is due; nil for never.
    public var nextDeadline: Instant? {
        var deadlines: [Instant] = []
        if let retryAt { deadlines.append(retryAt) }
        switch stage {
        case .gathering(let until):
            if let until { deadlines.append(until) }
        case .training(let round) where round.recordingCount == 0:
            // While an update is being journaled nothing is decided; the journal's answer does that.
            deadlines.append(round.deadline)
        default:
            break
        }
        return deadlines.min()
    }

    /// Takes in what happened and says what is to be done, in this order.
    public mutating func handle(_ input: JobInput, at now: Instant) -> [JobAction] {
        var actions: [JobAction] = []
        switch input {
        case .begin:
            begin(&actions)
        case .agentAvailable(let agent, let samples):
            if let samples, !specification.clientSelection.isUniform {
                sampleCounts[agent] = usableSampleCount(samples)
            }
            agentAvailable(agent, now, &actions)
        case .agentDisconnected(let agent):
            remove(agent)
            away.insert(agent)
        case .agentUnavailable(let agent):
            agentUnavailable(agent, now, &actions)
        case .modelReady(let prepared):
            modelReady(prepared, now, &actions)
        case .modelFailed(let reason, let message), .foldFailed(let reason, let message):
            workFailed(reason, message, now, &actions)
        case .verified(let update):
            verified(update, now, &actions)
        case .verifiedTogether(let updates):
            verifiedTogether(updates, now, &actions)
        case .failed(let key, let reason, let message):
            failed(key, reason, message, now, &actions)
        case .recorded(let record):
            recorded(record, now, &actions)
        case .recordFailed(let record, let message):
            recordFailed(record, message, now, &actions)
        case .folded(let prepared):
            folded(prepared, now, &actions)
        case .evaluated(let round, let summary):
            evaluated(round, summary, &actions)
        case .timer:
            timer(now, &actions)
        case .cancel:
            end(.cancelled, "cancelled by an operator", &actions)
        }
        return actions
    }

    // MARK: - Beginning

    private mutating func begin(_ actions: inout [JobAction]) {
        guard case .queued = stage else { return }
        stage = .preparing
        actions.append(.prepareModel(status.round))
    }

    private mutating func modelReady(_ prepared: PreparedModel, _ now: Instant, _ actions: inout [JobAction]) {
        guard case .preparing = stage else { return }
        model = prepared
        status.modelDigest = prepared.modelDigest
        status.phase = .waiting
        actions.append(.record([.phase(job, .running, message: "")], .running))
        if let open = recoveredRound {
            recoveredRound = nil
            resume(open, now, &actions)
        } else if isComplete {
            end(.finished, "", &actions)
        } else {
            gather(now, &actions)
        }
    }

    /// Whether nothing is left to do after a restart: all rounds, and the final evaluation if there is one.
    private var isComplete: Bool {
        guard status.round.value >= status.totalRounds else { return false }
        return specification.evaluateEvery == 0 || status.evaluatedRound == status.round
    }

    /// Continues the round that was under way: the same cohort, with what it had accepted.
    private mutating func resume(_ open: RecoveredJob.OpenRound, _ now: Instant, _ actions: inout [JobAction]) {
        var round = RoundMachine(
            job: job,
            number: open.round,
            attempt: open.attempt,
            cohort: open.cohort.sorted(),
            policy: specification.round,
            carried: open.carried,
            reasons: open.reasons,
            now: now
        )
        for update in open.accepted where round.standing[update.key.agent] != nil {
            round.set(update.key.agent, to: .accepted(update))
        }
        for (agent, reason) in open.refused where round.standing[agent] == .pending {
            round.set(agent, to: .failed(reason))
        }
        hasBegunRounds = true
        status.phase = .running
        stage = .training(round)
        for agent in available where round.standing[agent] == .pending { assign(agent, round, now, &actions) }
        settle(now, &actions)
    }

    private func notify(_ kind: JobEvent.Kind, _ message: String, _ actions: inout [JobAction]) {
        actions.append(.notify(JobEvent(kind: kind, status: status, message: message)))
    }

    // MARK: - Agents

    private mutating func agentAvailable(_ agent: AgentID, _ now: Instant, _ actions: inout [JobAction]) {
        insert(agent)
        away.remove(agent)
        if let task = carriedTask(of: agent), !held.contains(where: { $0.key == task.key }) {
            // It may have come back without what it was asked for.
            assign(task, deadline: now.advanced(by: specification.round.deadline.duration), now, &actions)
        }
        switch stage {
        case .gathering:
            tryToStart(now, &actions)
        case .starting(var round):
            if round.standing[agent] == .failed(.agentLost) { round.set(agent, to: .pending) }
            stage = .starting(round)
        case .training(var round):
            guard let standing = round.standing[agent] else { return }
            if standing == .failed(.agentLost) { round.set(agent, to: .pending) }
            stage = .training(round)
            if round.standing[agent] == .pending { assign(agent, round, now, &actions) }
        default:
            break
        }
    }

    private mutating func agentUnavailable(_ agent: AgentID, _ now: Instant, _ actions: inout [JobAction]) {
        remove(agent)
        away.remove(agent)
        drop(agent)
        if case .gathering(.some) = stage, away.isEmpty, !isFresh {
            // Nobody is left to wait for.
            stage = .gathering(until: nil)
            tryToStart(now, &actions)
        }
        if case .starting(var round) = stage, round.standing[agent] == .pending {
            round.set(agent, to: .failed(.agentLost))
            stage = .starting(round)
        }
        guard case .training(var round) = stage, round.standing[agent] == .pending else { return }
        round.set(agent, to: .failed(.agentLost))
        stage = .training(round)
        notify(.agentTrouble, "\(agent) was lost in round \(round.number)", &actions)
        settle(now, &actions)
    }

    /// Makes many agents available at once, before the job begins.
    ///
    /// - Parameters:
    ///   - agents: in ascending order.
    ///   - samples: the samples that each says it has, where the selection asks.
    public mutating func setAvailable(_ agents: [AgentID], samples: [AgentID: Double] = [:]) {
        available = agents
        sampleCounts = samples.mapValues { usableSampleCount($0) }
    }

    private func position(of agent: AgentID) -> Int {
        var low = 0
        var high = available.count
        while low < high {
            let middle = (low + high) / 2
            if available[middle] < agent { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func insert(_ agent: AgentID) {
        let index = position(of: agent)
        guard index == available.count || available[index] != agent else { return }
        available.insert(agent, at: index)
    }

    private mutating func remove(_ agent: AgentID) {
        let index = position(of: agent)
        guard index < available.count, available[index] == agent else { return }
        available.remove(at: index)
    }

    // MARK: - Gathering

    mutating func gather(_ now: Instant, _ actions: inout [JobAction]) {
        let mayComeBack = isFresh || !away.isEmpty
        stage = .gathering(until: hasBegunRounds && mayComeBack ? now.advanced(by: Self.gatheringGrace) : nil)
        tryToStart(now, &actions)
        if case .gathering = stage {
            status.message = "waits for agents: \(available.count) of \(specification.minimumAgents) are here"
            notify(.status, status.message, &actions)
        }
    }

    /// The agents without which no round begins: those that the first round waits for, then the quorum.
    private var requiredAgents: Int {
        guard hasBegunRounds else { return max(specification.minimumAgents, specification.round.minimumUpdates) }
        let usual = specification.round.selectionCount(available: specification.minimumAgents)
        return max(specification.round.quorumCount(selected: usual), 1)
    }

    private mutating func tryToStart(_ now: Instant, _ actions: inout [JobAction]) {
        guard case .gathering(var until) = stage else { return }
        if let due = until, now >= due {
            until = nil
            stage = .gathering(until: nil)
        }
        let isComplete = available.count >= max(specification.minimumAgents, specification.round.minimumUpdates)
        let hasWaited = hasBegunRounds && until == nil
        if status.round.value >= status.totalRounds {
            // All rounds were done before a restart; only the final evaluation is missing, by whoever is here.
            guard isComplete || hasWaited else { return }
            stage = .evaluating
            return actions.append(.evaluate(status.round))
        }
        guard isComplete || (hasWaited && available.count >= requiredAgents) else { return }
        let number = status.round.next
        let attempt = abandonedAttempts + 1
        let seed = Seed(specification.seed).deriving("selection", UInt64(number.value), UInt64(attempt))
        let tasks = carriedTasks(into: number, attempt, &actions)
        let count = specification.round.selectionCount(available: available.count)
        let (cohort, reasons) = select(count, beside: tasks, in: number, seed)
        let round = RoundMachine(
            job: job,
            number: number,
            attempt: attempt,
            cohort: cohort,
            policy: specification.round,
            carried: tasks,
            reasons: reasons,
            now: now
        )
        hasBegunRounds = true
        isFresh = false
        status.phase = .running
        status.message = ""
        stage = .starting(round)
        actions.append(.record([entry(of: round)], .roundStarted))
    }

    private func entry(of round: RoundMachine) -> JournalEntry {
        let carried = round.carried.values.sorted { $0.key.agent < $1.key.agent }
        return .roundStarted(
            job,
            round.number,
            attempt: round.attempt,
            cohort: round.cohort,
            carried: carried,
            reasons: round.reasons
        )
    }

    private func assign(_ agent: AgentID, _ round: RoundMachine, _ now: Instant, _ actions: inout [JobAction]) {
        assign(round.task(of: agent), deadline: round.deadline, now, &actions)
    }

    /// Asks an agent; nothing where the model to start from is not to be had any more: what the agent has made of it is
    /// still welcome.
    func assign(_ asked: AskedTask, deadline: Instant, _ now: Instant, _ actions: inout [JobAction]) {
        guard
            let model = [model, previousModel].lazy.compactMap({ $0 }).first(where: { $0.reference.round == asked.base }
            )
        else { return }
        actions.append(.assign(asked.key.agent, task(asked.key, model, deadline: deadline, now)))
    }

    private func task(_ key: UpdateKey, _ model: PreparedModel, deadline: Instant, _ now: Instant) -> TrainTask {
        var training = specification.taskTraining
        training.learningRate *= model.learningRateFactor
        return TrainTask(
            key: key,
            base: model.reference,
            model: specification.model,
            layout: model.layout,
            training: training,
            seed: seed(of: key),
            codec: specification.codec.uplink,
            deadline: max(now.duration(to: deadline), .zero),
            counted: lastCounted[key.agent]
        )
    }

    /// Asks everyone who is to begin with the round.
    private func assignAll(_ round: RoundMachine, _ now: Instant, _ actions: inout [JobAction]) {
        let isUniform = round.carried.isEmpty && lastCounted.isEmpty && round.pendingCount == round.cohort.count
        guard asksTogether, isUniform, let model, let first = round.cohort.first, !specification.round.carriesWork
        else {
            for agent in round.pending where round.carried[agent] == nil { assign(agent, round, now, &actions) }
            return
        }
        let task = task(round.task(of: first).key, model, deadline: round.deadline, now)
        let group = TaskGroup(like: task, agents: round.cohort, jobSeed: specification.seed)
        actions.append(.assignTogether(group))
    }

    /// The seed of an agent's randomness in one attempt at a round.
    public func seed(of key: UpdateKey) -> UInt64 {
        Self.seed(of: key, jobSeed: specification.seed)
    }

    static func seed(of key: UpdateKey, jobSeed: UInt64) -> UInt64 {
        Seed(jobSeed).deriving("train", key.agent.name, UInt64(key.round.value), UInt64(key.attempt)).value
    }

    private mutating func roundRecorded(_ now: Instant, _ actions: inout [JobAction]) {
        guard case .starting(var round) = stage else { return }
        // A simulation may have evaluated the model before, which is no part of the round.
        round.start(at: now)
        stage = .training(round)
        rememberSelection(of: round)
        notify(.roundStarted, startText(of: round), &actions)
        assignAll(round, now, &actions)
        releaseHeld(now, &actions)
        settle(now, &actions)
    }

    // MARK: - The journal

    private mutating func recorded(_ record: JobRecord, _ now: Instant, _ actions: inout [JobAction]) {
        switch record {
        case .roundStarted:
            roundRecorded(now, &actions)
        case .accepted(let agent):
            acceptedRecorded(agent, now, &actions)
        case .committed:
            commitRecorded(now, &actions)
        case .abandoned:
            abandonRecorded(now, &actions)
        case .ended:
            endRecorded(&actions)
        case .running, .refused, .evaluated:
            break
        }
    }

    private mutating func recordFailed(
        _ record: JobRecord,
        _ message: String,
        _ now: Instant,
        _ actions: inout [JobAction]
    ) {
        if case .accepted(let agent) = record {
            // Not journaled, so not acknowledged: the agent keeps its update and offers it again.
            unrecord(agent, message, now, &actions)
        } else if let action = unfinished(record) {
            retries.append(action)
        }
        retryAt = retryAt ?? now.advanced(by: Self.storageRetry)
        status.message = "the journal cannot be written: \(message); tried again every 5s"
        notify(.status, status.message, &actions)
    }

    /// What has to be written for the stage to go on; nil for facts that may be missing after a restart.
    private func unfinished(_ record: JobRecord) -> JobAction? {
        switch (record, stage) {
        case (.roundStarted, .starting(let round)):
            return .record([entry(of: round)], record)
        case (.committed, .committing(_, _, let committed)):
            return .record([.roundCommitted(job, committed)], record)
        case (.abandoned, .abandoning):
            return .record([.roundAbandoned(job, status.round.next, attempt: abandonedAttempts)], record)
        case (.ended, .ending):
            return .record([.phase(job, status.phase, message: status.message)], record)
        default:
            return nil
        }
    }

    private mutating func timer(_ now: Instant, _ actions: inout [JobAction]) {
        if let due = retryAt, now >= due {
            retryAt = nil
            status.message = ""
            actions.append(contentsOf: retries)
            retries = []
        }
        if case .gathering = stage { tryToStart(now, &actions) }
        settle(now, &actions)
    }

    private mutating func workFailed(
        _ reason: ReasonCode,
        _ message: String,
        _ now: Instant,
        _ actions: inout [JobAction]
    ) {
        let work: JobAction? =
            switch stage {
            case .folding(let round): .fold(round.number, round.accepted)
            case .preparing: .prepareModel(status.round)
            default: nil
            }
        guard let work else { return }
        if reason == .storageFailed {
            retries.append(work)
            retryAt = retryAt ?? now.advanced(by: Self.storageRetry)
            status.message = "\(message); tried again every 5s"
            notify(.status, status.message, &actions)
        } else {
            end(.failed, message, &actions)
        }
    }

    // MARK: - Ending

    mutating func end(_ phase: JobPhase, _ message: String, _ actions: inout [JobAction]) {
        switch stage {
        case .ending, .over:
            return
        case .training(let round), .starting(let round):
            let reason: ReasonCode = phase == .cancelled ? .jobCancelled : .roundAbandoned
            for agent in round.pending { actions.append(.withdraw(round.task(of: agent).key, reason)) }
        default:
            break
        }
        withdrawCarried(phase == .cancelled ? .jobCancelled : .roundFull, &actions)
        stage = .ending
        status.phase = phase
        status.message = message
        retries = []
        actions.append(.record([.phase(job, phase, message: message)], .ended))
    }

    private mutating func endRecorded(_ actions: inout [JobAction]) {
        guard case .ending = stage else { return }
        stage = .over
        notify(.ended, status.message, &actions)
        actions.append(.ended)
    }

    mutating func count(_ update: AcceptedUpdate, sign: Int) {
        if sign > 0 {
            status.acceptedUpdates += 1
            status.bytesUp += UInt64(update.byteCount)
            status.bytesUpByKind.add(update.bytesByKind)
            status.trainedSamples &+= update.trainedSamples
        } else {
            status.acceptedUpdates -= 1
        }
    }

    mutating func adopt(_ prepared: PreparedModel) {
        previousModel = model
        model = prepared
        status.modelDigest = prepared.modelDigest
    }
}
