// SPDX-License-Identifier: Apache-2.0

/// Decides for one adaptation job: which batches of samples are taken, when the cloud learns, what devices are sent.
///
/// A batch counts once it is on stable storage and in the journal; the cloud then learns from it, in the order of each
/// device's batches. After a restart it learns from all batches again, in the same order: the cloud's state is a
/// function of what was accepted. What a device asked to have deleted leaves no trace but its receipt.
struct AdaptationMachine: Sendable {
    /// What the coordinator is to do.
    enum Step: Sendable {
        case record([JournalEntry], AdaptationRecord)
        case send(AgentID, CoordinatorMessage)
        case shell(AdaptationAction)
        case notify(JobEvent)
        case log(LogLine)
        /// The receipt is complete: whoever asked is answered.
        case answerPurge(PurgeReceipt)
        /// It could not be completed.
        case failPurge(PurgeReceipt, String)
        case ended
    }

    /// The shortest time between two notices of the devices' reports.
    static let noticeInterval: Duration = .seconds(1)
    /// Transfers of samples have this bit, those of updates do not.
    static let transferBit: UInt64 = 1 << 63

    let specification: JobSpecification
    var status: JobStatus
    var prepared: PreparedAdaptation?
    var devices: [AgentID: DeviceRecord] = [:]
    var connected: Set<AgentID> = []
    var lastTransfer: UInt64 = 0
    private var nextNotice: Instant?
    private var isEnding = false

    var job: JobID { status.job }
    var isOver: Bool { status.phase.isOver }

    init(job: JobID, specification: JobSpecification) {
        self.specification = specification
        status = JobStatus(job: job, name: specification.name, totalRounds: 0)
    }

    /// Takes up what the journal tells.
    init(recovering recovered: RecoveredJob) {
        self.init(job: recovered.job, specification: recovered.specification)
        status.phase = recovered.phase
        status.message = recovered.message
        for samples in recovered.samples {
            var device = devices[samples.key.agent] ?? DeviceRecord()
            device.kept[samples.key.sequence] = samples
            device.lastSequence = max(device.lastSequence, samples.key.sequence)
            devices[samples.key.agent] = device
            status.acceptedUpdates += 1
            status.bytesUp += UInt64(samples.byteCount)
        }
        for receipt in recovered.receipts {
            var device = devices[receipt.agent] ?? DeviceRecord()
            device.receipts.append(receipt)
            device.lastSequence = max(device.lastSequence, receipt.lastSequence)
            device.answeredSequence = max(device.answeredSequence, receipt.lastSequence)
            devices[receipt.agent] = device
        }
    }

    /// What is held, and what was deleted, in the order of agents.
    func samples(of agent: AgentID?) -> ([SampleHolding], [PurgeReceipt]) {
        let wanted = devices.filter { agent == nil || $0.key == agent }.sorted { $0.key < $1.key }
        return (wanted.map { $0.value.holding(job, $0.key) }, wanted.flatMap(\.value.receipts))
    }

    // MARK: - Beginning

    mutating func begin() -> [Step] {
        guard !isOver else { return [] }
        status.phase = .running
        return [.shell(.prepare(specification))]
    }

    mutating func handle(_ input: AdaptationInput, at now: Instant) -> [Step] {
        var steps: [Step] = []
        switch input {
        case .prepared(let prepared):
            begin(with: prepared, now, &steps)
        case .prepareFailed(let reason, let message):
            end(.failed, "\(reason): \(message)", &steps)
        case .stored(let key):
            stored(key, &steps)
        case .storeFailed(let key, let reason, let message):
            storeFailed(key, reason, message, &steps)
        case .learnt(let learnt):
            self.learnt(learnt, now, &steps)
        case .receiptSealed(let receipt):
            steps.append(.record([.samplesPurged(receipt)], .purge(receipt)))
        case .purged(let receipt):
            purged(receipt, now, &steps)
        case .purgeFailed(let receipt, let message):
            devices[receipt.agent]?.isPurging = false
            steps.append(.failPurge(receipt, message))
        }
        return steps
    }

    private mutating func begin(with prepared: PreparedAdaptation, _ now: Instant, _ steps: inout [Step]) {
        guard !isOver, self.prepared == nil else { return }
        self.prepared = prepared
        steps.append(.record([.phase(job, .running, message: "")], .running))
        // The cloud learns again what it had learnt before the restart.
        for (_, device) in devices.sorted(by: { $0.key < $1.key }) {
            for samples in device.kept.values.sorted(by: { $0.key < $1.key }) {
                steps.append(.shell(.learn(samples, generation: device.generation)))
            }
        }
        for agent in connected.sorted() { ask(agent, &steps) }
        notify("waits for devices", &steps)
    }

    // MARK: - Devices

    mutating func agentAvailable(_ agent: AgentID) -> [Step] {
        var steps: [Step] = []
        guard !isOver else { return steps }
        connected.insert(agent)
        devices[agent]?.isFresh = true
        ask(agent, &steps)
        return steps
    }

    mutating func agentDisconnected(_ agent: AgentID) {
        connected.remove(agent)
        if case .receiving = devices[agent]?.upload?.state { devices[agent]?.upload?.state = .suspended }
    }

    /// Sends a device its task, and what it may have missed follows its first report.
    private func ask(_ agent: AgentID, _ steps: inout [Step]) {
        guard let prepared else { return }
        let task = StreamTask(
            job: job,
            name: specification.name,
            base: prepared.base,
            model: specification.model,
            layout: prepared.layout,
            plan: prepared.plan,
            seed: Self.seed(of: agent, jobSeed: specification.seed),
            keptSequence: devices[agent]?.lastSequence ?? 0
        )
        steps.append(.send(agent, .stream(task)))
        // It may have been away when its samples were deleted; a device notes each receipt once.
        if let receipt = devices[agent]?.receipts.last { steps.append(.send(agent, .samplesPurged(receipt))) }
    }

    mutating func reported(_ report: StreamReport, by agent: AgentID, _ now: Instant) -> [Step] {
        var steps: [Step] = []
        guard !isOver, prepared != nil else { return steps }
        devices[agent, default: DeviceRecord()].report = report
        guard let device = devices[agent] else { return steps }
        if device.isFresh { sendMissed(device, report, agent, &steps) }
        if nextNotice.map({ now >= $0 }) ?? true || report.isOver {
            nextNotice = now.advanced(by: Self.noticeInterval)
            notify(summary, &steps)
        }
        finishIfDone(&steps)
        return steps
    }

    /// Sends a device that came back the updates that it did not look at, and the answer that it waits for.
    private mutating func sendMissed(
        _ device: DeviceRecord,
        _ report: StreamReport,
        _ agent: AgentID,
        _ steps: inout [Step]
    ) {
        devices[agent]?.isFresh = false
        let missed = device.pushes.values.filter { $0.version > report.version }.sorted { $0.version < $1.version }
        for push in missed {
            status.bytesDown += UInt64(push.data.count)
            steps.append(.send(agent, .adaptation(push)))
        }
        if report.awaitedSequence > 0, report.awaitedSequence <= device.answeredSequence {
            // Nothing was learnt from it, or the device had looked at the update before it went away.
            steps.append(.send(agent, .adaptation(AdaptationPush(job: job, sequence: device.answeredSequence))))
        }
    }

    /// How right the devices' answers were, where labels are known.
    private var evaluation: EvaluationSummary {
        var summary = EvaluationSummary()
        for report in devices.values.compactMap(\.report) {
            summary.sampleCount += report.labelled
            summary.correctCount += report.correct
        }
        return summary
    }

    /// One line for a person: how the devices do.
    var summary: String {
        let reports = devices.values.compactMap(\.report)
        let mean = reports.isEmpty ? 0 : reports.reduce(0) { $0 + $1.uncertainty } / Double(reports.count)
        let sent = reports.reduce(0) { $0 + $1.sent }
        let rollbacks = reports.reduce(0) { $0 + $1.rollbacks }
        let accuracy = evaluation.accuracy
        return "\(reports.count) devices: accuracy \(Self.rounded(accuracy)), uncertainty \(Self.rounded(mean)), "
            + "\(sent) samples sent, \(rollbacks) updates taken back, \(status.bytesUp) bytes up, "
            + "\(status.bytesDown) bytes down"
    }

    private static func rounded(_ value: Double) -> Double {
        value.isFinite ? (value * 10_000).rounded() / 10_000 : 0
    }

    mutating func notify(_ message: String, kind: JobEvent.Kind = .status, _ steps: inout [Step]) {
        status.evaluation = evaluation
        steps.append(.notify(JobEvent(kind: kind, status: status, message: message)))
    }

    // MARK: - Ending

    mutating func cancel() -> [Step] {
        var steps: [Step] = []
        end(.cancelled, "cancelled by an operator", &steps)
        return steps
    }

    mutating func finishIfDone(_ steps: inout [Step]) {
        let taking = devices.values.filter { $0.report != nil }
        guard taking.count >= specification.minimumAgents, taking.allSatisfy(\.isDone) else { return }
        end(.finished, "", &steps)
    }

    private mutating func end(_ phase: JobPhase, _ message: String, _ steps: inout [Step]) {
        guard !isOver, !isEnding else { return }
        isEnding = true
        status.message = message
        pendingPhase = phase
        steps.append(.record([.phase(job, phase, message: message)], .ended))
    }

    private var pendingPhase = JobPhase.finished

    mutating func recorded(_ record: AdaptationRecord, _ now: Instant) -> [Step] {
        var steps: [Step] = []
        switch record {
        case .running:
            break
        case .kept(let key):
            keptRecorded(key, now, &steps)
        case .purge(let receipt):
            purgeRecorded(receipt, &steps)
        case .ended:
            notify(summary, &steps)
            status.phase = pendingPhase
            let reason: ReasonCode = pendingPhase == .finished ? .unspecified : .jobCancelled
            let end = StreamEnd(job: job, reason: reason, message: status.message)
            for agent in connected.sorted() { steps.append(.send(agent, .streamEnd(end))) }
            notify(status.message, kind: .ended, &steps)
            steps += [.shell(.release), .ended]
        }
        return steps
    }

    mutating func recordFailed(_ record: AdaptationRecord, _ message: String) -> [Step] {
        var steps: [Step] = []
        switch record {
        case .running: break
        case .kept(let key):
            storeFailed(key, .storageFailed, message, &steps)
        case .purge(let receipt):
            devices[receipt.agent]?.isPurging = false
            steps.append(.failPurge(receipt, message))
        case .ended:
            // Tried again with the next report, or when an operator cancels again.
            isEnding = false
        }
        return steps
    }

    /// The seed of a device's randomness: of the job's seed and the agent's name.
    static func seed(of agent: AgentID, jobSeed: UInt64) -> UInt64 {
        JobMachine.seed(
            of: UpdateKey(job: JobID(1), round: .initial, attempt: 0, agent: agent),
            jobSeed: jobSeed
        )
    }
}
