// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

@testable import Rounds

/// Drives a coordinator's core without a world: answers at once what a shell answers, unless it is told not to.
struct CoordinatorDriver {
    var core: CoordinatorCore
    var now = Instant.start
    var actions: [CoordinatorAction] = []
    var holdsRecords = false
    var holdsChecks = false
    var holdsSpools = false
    var holdsDurable = false
    var holdsModels = false
    var holdsPurges = false
    /// What storing a batch of samples gives; nil for success.
    var storeAnswer: AdaptationInput?
    var bytesPerDay: Int?
    /// The batches that the cloud was given, in order.
    private(set) var learnt: [SampleKey] = []
    /// What a check finds.
    var check = UpdateCheck.passed(norm: 1)
    /// The bytes that spools hold when they are opened.
    var heldBytes = 0
    private(set) var journal: [JournalEntry] = []

    init(
        configuration: CoordinatorConfiguration = CoordinatorConfiguration(),
        recovering: [RecoveredJob] = [],
        holdsModels: Bool = false
    ) {
        self.holdsModels = holdsModels
        core = CoordinatorCore(configuration: configuration, recovering: recovering, at: .start) {
            $0.model.kind == "unknown" ? "no model is called unknown" : nil
        }
        take(core.start(at: .start))
    }

    mutating func give(_ input: CoordinatorInput) {
        take(core.handle(input, at: now))
    }

    private mutating func take(_ first: [CoordinatorAction]) {
        var queue = first
        while !queue.isEmpty {
            let action = queue.removeFirst()
            actions.append(action)
            if let answer = answer(action) { queue += core.handle(answer, at: now) }
        }
    }

    private mutating func answer(_ action: CoordinatorAction) -> CoordinatorInput? {
        switch action {
        case .record(let entries, let token):
            guard !holdsRecords else { return nil }
            journal += entries
            return .recorded(token)
        case .openSpool(let offer):
            return holdsSpools ? nil : .spoolOpened(offer.key, offer.digest, heldBytes: heldBytes)
        case .check(let offer, _): return holdsChecks ? nil : .checked(offer.key, offer.digest, check)
        case .prepareModel(let job, let round, _):
            return holdsModels ? nil : .job(job, .modelReady(.sample(round.value)))
        case .fold(let job, let round, _): return .job(job, .folded(.sample(round.value)))
        case .adaptation(let job, let action): return answer(action, of: job).map { .adaptation(job, $0) }
        case .makeDurable(let job, let round): return holdsDurable ? nil : .durable(job, round)
        default: return nil
        }
    }

    /// A shell whose cloud counts batches.
    private mutating func answer(_ action: AdaptationAction, of job: JobID) -> AdaptationInput? {
        switch action {
        case .prepare:
            return .prepared(.sample(bytesPerDay: bytesPerDay))
        case .store(let samples, _):
            return storeAnswer ?? .stored(samples.key)
        case .learn(let samples, let generation):
            learnt.append(samples.key)
            let version = generation << 20 + UInt32(samples.key.sequence)
            return .learnt(
                LearntSamples(
                    key: samples.key,
                    environment: 1,
                    version: version,
                    digest: BlobDigest(high: 5, low: samples.key.sequence),
                    data: [1, 2, 3]
                )
            )
        case .seal(var receipt, let digests):
            receipt.digest = BlobDigest(high: 1, low: digests.reduce(0) { $0 &* 31 &+ $1.low })
            return .receiptSealed(receipt)
        case .purge(let receipt):
            return holdsPurges ? nil : .purged(receipt)
        case .release:
            return nil
        }
    }

    // MARK: - Peers

    mutating func open(_ connection: UInt64) { give(.opened(ConnectionID(connection), peer: "here")) }

    mutating func say(_ message: AgentMessage, on connection: UInt64) {
        give(.received(ConnectionID(connection), message))
    }

    mutating func connect(
        _ agent: AgentID,
        on connection: UInt64,
        labels: [String: String] = [:],
        resources: [String: Double] = [:]
    ) {
        open(connection)
        say(.hello(Hello(agent: agent.name, labels: labels, resources: resources)), on: connection)
    }

    mutating func connectOperator(on connection: UInt64 = 99) {
        open(connection)
        say(.hello(Hello(role: .operator)), on: connection)
    }

    mutating func submit(_ specification: JobSpecification, on connection: UInt64 = 99) {
        let data = (try? JSONEncoder().encode(specification)) ?? Data()
        say(.operatorRequest(.submit(specification: String(decoding: data, as: UTF8.self))), on: connection)
    }

    /// A coordinator whose job runs with agents on the connections 1, 2, ...
    static func running(
        _ specification: JobSpecification,
        agents all: [AgentID],
        configuration: CoordinatorConfiguration = CoordinatorConfiguration()
    ) -> CoordinatorDriver {
        var driver = CoordinatorDriver(configuration: configuration)
        driver.connectOperator()
        driver.submit(specification)
        for (index, agent) in all.enumerated() { driver.connect(agent, on: UInt64(index + 1)) }
        return driver
    }

    func key(_ agent: AgentID, round: UInt32 = 1, attempt: UInt32 = 1, job: UInt64 = 1) -> UpdateKey {
        UpdateKey(job: JobID(job), round: RoundNumber(round), attempt: attempt, agent: agent)
    }

    mutating func offer(_ agent: AgentID, round: UInt32 = 1, on connection: UInt64) {
        say(.offer(.sample(key(agent, round: round))), on: connection)
    }

    /// Offers an update and sends all of its bytes.
    mutating func upload(_ agent: AgentID, round: UInt32 = 1, on connection: UInt64) {
        offer(agent, round: round, on: connection)
        guard let request = uploadRequests.last else { return }
        chunk(request.transfer, request.offset, 32 - request.offset, on: connection)
    }

    mutating func chunk(_ transfer: UInt64, _ offset: Int, _ count: Int, on connection: UInt64) {
        let data = ByteSlice(copying: [UInt8](repeating: 1, count: count))
        say(.chunk(BlobChunk(transfer: transfer, offset: offset, data: data)), on: connection)
    }

    mutating func wait(_ duration: Duration) {
        now = now.advanced(by: duration)
        give(.timer)
    }

    // MARK: - What was done

    mutating func clear() { actions = [] }

    func messages(on connection: UInt64) -> [CoordinatorMessage] {
        actions.compactMap {
            if case .send(let id, let message) = $0, id.value == connection { message } else { nil }
        }
    }

    func verdicts(on connection: UInt64) -> [UpdateVerdict] {
        messages(on: connection).compactMap { if case .verdict(let verdict) = $0 { verdict } else { nil } }
    }

    func goodbye(on connection: UInt64) -> Goodbye? {
        actions.compactMap {
            if case .close(let id, let goodbye) = $0, id.value == connection { goodbye } else { nil }
        }.last
    }

    func replies(on connection: UInt64 = 99) -> [OperatorReply] {
        messages(on: connection).compactMap { if case .operatorReply(let reply) = $0 { reply } else { nil } }
    }

    func tasks(on connection: UInt64) -> [TrainTask] {
        messages(on: connection).compactMap { if case .train(let task) = $0 { task } else { nil } }
    }

    func released(on connection: UInt64) -> [RoundCommitted] {
        messages(on: connection).compactMap { if case .roundCommitted(let round) = $0 { round } else { nil } }
    }

    var uploadRequests: [UploadRequest] {
        actions.compactMap { if case .send(_, .uploadRequest(let request)) = $0 { request } else { nil } }
    }

    var openedSpools: [UpdateKey] {
        actions.compactMap { if case .openSpool(let offer) = $0 { offer.key } else { nil } }
    }

    var folds: [[AcceptedUpdate]] {
        actions.compactMap { if case .fold(_, _, let updates) = $0 { updates } else { nil } }
    }

    var status: JobStatus? { core.jobs[JobID(1)]?.status }
}
