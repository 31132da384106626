// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import EventLoop
public import Ledger
public import Logging
import Messaging
public import Randomness
public import Rounds
import Wire

/// The agent as a process: a socket, an outbox and a training thread around an ``AgentCore``.
public actor AgentDaemon {
    nonisolated let loop: EventLoop
    let endpoint: TCPEndpoint
    let logger: Logger
    let trainer: AgentTrainer
    let outbox: any UpdateOutbox
    let agent: AgentID
    /// What the agent has for adaptation jobs; nil for none.
    let site: StreamSite?
    let samples: SampleStore?
    var runner: StreamRunner?
    /// Called on the loop with every report of the stream.
    let observer: (@Sendable (StreamReport) -> Void)?

    private var core: AgentCore
    var channel: CoordinatorChannel?
    /// Tells the callbacks of the present connection from those of connections that are being closed.
    private var connectionNumber = 0
    private let resources = ChannelResources()
    private var timer: LoopTimer?
    private var inputs: [AgentInput] = []
    private var isDraining = false
    private var sending: UpdateKey?
    /// What was read on the connection when the timer last looked.
    private var seenBytes: UInt64 = 0
    private(set) var chunkBytes = Limits.chunkBytes
    private var outcome: AgentStop?
    private var isFinished = false
    private var whenRunnerEnded: (() -> Void)?
    private var whenStopped: [CheckedContinuation<AgentStop, Never>] = []
    private let origin: MonotonicInstant

    /// The loop runs this actor.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Creates an agent; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - endpoint: the coordinator.
    ///   - configuration: who the agent is.
    ///   - trainer: trains and evaluates on the site's data.
    ///   - outbox: keeps finished updates.
    ///   - site: the stream and what may leave of it; nil for none.
    ///   - loop: a started loop.
    ///   - seed: the randomness of pauses between attempts to connect.
    ///   - logger: takes the log.
    ///   - observer: is called on the loop with every report of the stream.
    /// - Throws: `LedgerError` where the samples that wait cannot be read.
    public init(
        endpoint: TCPEndpoint,
        configuration: AgentConfiguration,
        trainer: AgentTrainer,
        outbox: any UpdateOutbox,
        site: StreamSite? = nil,
        loop: EventLoop,
        seed: Seed,
        logger: Logger,
        observer: (@Sendable (StreamReport) -> Void)? = nil
    ) throws {
        self.endpoint = endpoint
        self.trainer = trainer
        self.outbox = outbox
        self.loop = loop
        self.logger = logger
        origin = loop.now
        agent = configuration.agent
        self.site = site
        self.observer = observer
        let samples = try site.map { try SampleStore(in: $0.state) }
        self.samples = samples
        core = AgentCore(
            configuration: configuration,
            outbox: outbox.list(),
            samples: try site.flatMap { site in
                try samples.map { try Self.waiting($0, site, configuration.agent, logger) }
            } ?? [],
            seed: seed
        )
    }

    /// Works until the agent is stopped or cannot go on; says why it ended.
    public func run() async -> AgentStop {
        timer = loop.makeTimer { self.timerFired() }
        feed(.start)
        if let outcome, isFinished { return outcome }
        return await withCheckedContinuation { whenStopped.append($0) }
    }

    /// Asks the agent to end.
    public func stop() {
        feed(.stop)
    }

    private func timerFired() {
        let count = channel?.byteCounts.read ?? 0
        if count != seenBytes { core.heard(at: now) }
        seenBytes = count
        feed(.timer)
    }

    // MARK: - The core

    private var now: Instant { Instant(origin.duration(to: loop.now)) }

    func runnerEnded() {
        whenRunnerEnded?()
        whenRunnerEnded = nil
    }

    func feed(_ input: AgentInput) {
        guard outcome == nil else { return }
        inputs.append(input)
        guard !isDraining else { return }
        isDraining = true
        while !inputs.isEmpty {
            let batch = inputs
            inputs = []
            for input in batch {
                for action in core.handle(input, at: now) { perform(action) }
            }
        }
        isDraining = false
        if outcome == nil, let deadline = core.nextDeadline {
            timer?.arm(after: max(.zero, now.duration(to: deadline)))
        } else {
            timer?.disarm()
        }
    }

    /// Work on another thread hands its result back.
    nonisolated func deliver(_ input: AgentInput) {
        loop.execute { self.assumeIsolated { $0.feed(input) } }
    }

    private func perform(_ action: AgentAction) {
        switch action {
        case .connect:
            connect()
        case .disconnect(let goodbye):
            disconnect(goodbye)
        case .send(let message):
            channel?.send(message)
        case .storeModel(let part, let offset, let slice):
            trainer.store(slice, at: offset, of: part)
        case .checkModel(let part, let layout, let after):
            trainer.check(part, layout, after: after) { self.deliver(.modelChecked(part.digest, isValid: $0)) }
        case .train(let task):
            train(task)
        case .evaluate(let task):
            evaluate(task)
        case .abort(let key):
            trainer.abort(key)
        case .sendUpdate(let key, let transfer, let offset):
            sendUpdate(key, transfer: transfer, offset: offset)
        case .stopSending(let key):
            if sending == key { channel?.stopTransfer() }
        case .forget(let key):
            forget(key)
        case .stream(let task):
            beginStream(task)
        case .endStream(let end):
            endStream(end)
        case .sendSamples(let offer, let transfer, let offset):
            sendSamples(offer, transfer: transfer, offset: offset)
        case .settleSamples(let verdict):
            settle(verdict)
        case .adapt(let push):
            runner?.adapt(push)
        case .samplesPurged(let receipt):
            purged(receipt)
        case .log(let line):
            log(line)
        case .stop(let reason):
            ended(reason)
        }
    }

    // MARK: - The connection

    private func connect() {
        connectionNumber += 1
        let number = connectionNumber
        var configuration = TCPConfiguration()
        configuration.progressDeadline = .seconds(60)
        configuration.highWatermarkBytes = 1 << 20
        configuration.lowWatermarkBytes = 256 << 10
        TCPConnection.connect(to: endpoint, on: loop, configuration: configuration, timeout: .seconds(10)) { result in
            self.connectEnded(result, number)
        }
    }

    private func connectEnded(_ result: Result<TCPConnection, EventLoopError>, _ number: Int) {
        guard number == connectionNumber, outcome == nil else {
            if case .success(let connection) = result { connection.abort() }
            return
        }
        switch result {
        case .failure(let error):
            feed(.connectFailed(error.message))
        case .success(let connection):
            let channel = CoordinatorChannel(connection, sharing: resources)
            self.channel = channel
            channel.start(
                frameLimit: Limits.frameBytes,
                callbacks: CoordinatorChannel.Callbacks(
                    received: { if number == self.connectionNumber { self.received($0) } },
                    malformed: { if number == self.connectionNumber { self.feed(.malformed($0.reason, $0.message)) } },
                    transferFailed: { self.logger.error("an update cannot be read from the outbox: \($0)") },
                    closed: { if number == self.connectionNumber { self.closed($0) } }
                )
            )
            feed(.connected)
        }
    }

    private func received(_ message: CoordinatorMessage) {
        if case .welcome(let welcome) = message { chunkBytes = min(welcome.chunkBytes, Limits.chunkBytes) }
        feed(.received(message))
    }

    private func closed(_ why: String) {
        channel = nil
        feed(.disconnected(why))
    }

    private func disconnect(_ goodbye: Goodbye?) {
        // Callbacks of this connection are no longer listened to.
        connectionNumber += 1
        channel?.close(goodbye)
        channel = nil
    }

    // MARK: - Work

    private func train(_ task: TrainTask) {
        logger.debug("trains \(task.key)")
        trainer.train(
            task,
            outbox: outbox,
            onProgress: { self.deliver(.progressed(task.key, steps: $0, totalSteps: $1)) },
            completion: { result in
                switch result {
                case .trained(let offer): self.deliver(.trained(offer))
                case .failed(let reason, let message): self.deliver(.trainingFailed(task.key, reason, message))
                case .aborted: break
                }
            }
        )
    }

    private func evaluate(_ task: EvaluateTask) {
        trainer.evaluate(task) { result in
            switch result {
            case .success(let summary):
                self.deliver(.evaluated(task.job, task.base.round, summary))
            case .failure(let failure):
                self.deliver(.evaluationFailed(task.job, task.base.round, failure.reason, failure.message))
            }
        }
    }

    // MARK: - The outbox

    private func sendUpdate(_ key: UpdateKey, transfer: UInt64, offset: Int) {
        do {
            sending = key
            let source = OutboxBlob(try outbox.reader(of: key))
            channel?.beginTransfer(transfer, of: source, offset: offset, chunkBytes: chunkBytes)
        } catch {
            logger.error("\(key) cannot be read from the outbox: \(error)")
        }
    }

    private func forget(_ key: UpdateKey) {
        do {
            try outbox.forget(key)
            trainer.recycle(key)
        } catch {
            logger.warning("\(key) cannot be removed from the outbox: \(error)")
        }
    }

    private func log(_ line: LogLine) {
        switch line.level {
        case .debug: logger.debug("\(line.message)")
        case .info: logger.info("\(line.message)")
        case .warning: logger.warning("\(line.message)")
        case .error: logger.error("\(line.message)")
        }
    }

    private func ended(_ reason: AgentStop) {
        outcome = reason
        timer?.cancel()
        guard let runner else { return finished(reason) }
        // What is in force is kept before the process ends.
        runner.stop()
        self.runner = nil
        whenRunnerEnded = { self.finished(reason) }
    }

    private func finished(_ reason: AgentStop) {
        isFinished = true
        for continuation in whenStopped { continuation.resume(returning: reason) }
        whenStopped = []
    }
}
