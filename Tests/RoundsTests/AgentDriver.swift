// SPDX-License-Identifier: Apache-2.0

import Randomness

@testable import Rounds

/// Drives an agent's core without a world.
struct AgentDriver {
    var core: AgentCore
    var now = Instant.start
    var actions: [AgentAction] = []
    static let agent = AgentID(number: 1, of: 2)

    init(
        outbox: [UpdateOffer] = [],
        samples: [SampleOffer] = [],
        patience: Duration? = .seconds(30),
        longestPause: Duration = .seconds(15),
        seed: UInt64 = 1
    ) {
        let configuration = AgentConfiguration(
            agent: Self.agent,
            incarnation: 1,
            patience: patience,
            longestPause: longestPause
        )
        core = AgentCore(configuration: configuration, outbox: outbox, samples: samples, seed: Seed(seed))
    }

    /// An agent that is connected and welcome.
    static func online(outbox: [UpdateOffer] = []) -> AgentDriver {
        var driver = AgentDriver(outbox: outbox)
        driver.give(.start)
        driver.connect()
        return driver
    }

    mutating func give(_ input: AgentInput) {
        actions += core.handle(input, at: now)
    }

    mutating func hear(_ message: CoordinatorMessage) { give(.received(message)) }

    mutating func connect() {
        give(.connected)
        hear(.welcome(Welcome(heartbeat: .seconds(20), silenceLimit: .seconds(60))))
    }

    /// Loses the connection and comes back.
    mutating func reconnect() {
        give(.disconnected("reset"))
        waitForDeadline()
        clear()
        connect()
    }

    mutating func wait(_ duration: Duration) {
        now = now.advanced(by: duration)
        give(.timer)
    }

    mutating func waitForDeadline() {
        guard let deadline = core.nextDeadline else { return }
        now = max(now, deadline)
        give(.timer)
    }

    mutating func clear() { actions = [] }

    static func key(round: UInt32 = 1, attempt: UInt32 = 1) -> UpdateKey {
        UpdateKey(job: JobID(1), round: RoundNumber(round), attempt: attempt, agent: agent)
    }

    static func task(round: UInt32 = 1, attempt: UInt32 = 1, model: UInt32? = nil) -> TrainTask {
        let prepared = PreparedModel.sample(model ?? round - 1)
        return TrainTask(
            key: key(round: round, attempt: attempt),
            base: prepared.reference,
            model: ModelSpecification(),
            layout: .sample,
            training: TrainingSpecification(),
            seed: 3,
            codec: "fp32",
            deadline: .seconds(60)
        )
    }

    static func evaluation(round: UInt32) -> EvaluateTask {
        EvaluateTask(
            job: JobID(1),
            base: PreparedModel.sample(round).reference,
            model: ModelSpecification(),
            layout: .sample
        )
    }

    /// Sends a part of the model that was asked for last.
    mutating func chunk(_ offset: Int, _ count: Int) {
        guard let request = blobRequests.last else { return }
        let data = ByteSlice(copying: [UInt8](repeating: 0, count: count))
        hear(.chunk(BlobChunk(transfer: request.transfer, offset: offset, data: data)))
    }

    /// Lets the model that was asked for arrive whole.
    mutating func loadModel() {
        guard let request = blobRequests.last else { return }
        chunk(request.offset, 32 - request.offset)
        give(.modelChecked(request.digest, isValid: true))
    }

    var sent: [AgentMessage] { actions.compactMap { if case .send(let message) = $0 { message } else { nil } } }
    var offers: [UpdateOffer] { sent.compactMap { if case .offer(let offer) = $0 { offer } else { nil } } }
    var blobRequests: [BlobRequest] {
        sent.compactMap { if case .blobRequest(let request) = $0 { request } else { nil } }
    }
    var trainings: [UpdateKey] { actions.compactMap { if case .train(let task) = $0 { task.key } else { nil } } }
    var evaluations: [RoundNumber] {
        actions.compactMap { if case .evaluate(let task) = $0 { task.base.round } else { nil } }
    }
    var aborts: [UpdateKey] { actions.compactMap { if case .abort(let key) = $0 { key } else { nil } } }
    var forgotten: [UpdateKey] { actions.compactMap { if case .forget(let key) = $0 { key } else { nil } } }
    var failures: [TaskFailure] { sent.compactMap { if case .taskFailed(let failure) = $0 { failure } else { nil } } }
    var stops: [AgentStop] { actions.compactMap { if case .stop(let reason) = $0 { reason } else { nil } } }
    var connects: Int { actions.count { if case .connect = $0 { true } else { false } } }
    var goodbyes: [Goodbye] { actions.compactMap { if case .disconnect(let goodbye?) = $0 { goodbye } else { nil } } }
}
