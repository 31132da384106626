// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import UpdateCoding

/// The virtual shell of an agent: feeds an ``AgentCore`` with what happens and does what it says.
final class AgentHost {
    let agent: AgentID
    let clock: VirtualClock
    let log: EventLog
    let network: VirtualNetwork
    let recipe: LearningRecipe
    let transport: any MessageTransport
    let canary: Canary?
    let link: Int
    let profile: AgentProfile
    let disk = AgentDisk()
    weak var observer: (any WorldObserver)?
    /// Changes what a training gives, as a hostile or broken agent does.
    var tampers: ((TrainTask, inout TrainingOutcome) -> Void)?
    /// The bytes of updates sent, over all processes.
    private(set) var sentUpdateBytes: UInt64 = 0
    /// Why the last process ended by itself.
    private(set) var stopReason: AgentStop?

    private(set) var core: AgentCore?
    private let number: UInt64
    private let seed: Seed
    private var incarnation: UInt64 = 0
    private var generation = 0
    private var timerAt: Instant?
    private var timersAtOnce = 0

    // What a process knows beside its core; gone with it.
    private var connection: ConnectionID?
    private var attempt: UInt64?
    /// The largest chunk that the coordinator takes.
    private var chunkBytes = Limits.chunkBytes
    private var loading: (digest: BlobDigest, bytes: [UInt8])?
    private var held: (digest: BlobDigest, model: ParameterVector)?
    private var running: UpdateKey?
    private var upload: (key: UpdateKey, transfer: UInt64, offset: Int)?

    init(
        agent: AgentID,
        number: Int,
        world: VirtualWorld,
        profile: AgentProfile,
        seed: Seed
    ) {
        self.agent = agent
        self.number = UInt64(number) + 16
        self.profile = profile
        self.seed = seed
        clock = world.clock
        log = world.log
        network = world.network
        recipe = world.recipe
        transport = world.transport
        canary = world.canary
        observer = world.observer
        link = network.addLink(profile.link)
    }

    var isRunning: Bool { core != nil }

    // MARK: - The process

    /// Starts a process.
    func start() {
        precondition(core == nil, "an agent starts once before it ends")
        generation += 1
        incarnation += 1
        stopReason = nil
        let configuration = AgentConfiguration(agent: agent, incarnation: incarnation, patience: nil)
        core = AgentCore(configuration: configuration, outbox: disk.offers, seed: seed.deriving("agent", incarnation))
        log.add(number, 1, incarnation, UInt64(disk.outbox.count))
        handle(.start)
    }

    /// Ends the process at once.
    func crash(wipingDisk: Bool) {
        guard core != nil else { return }
        log.add(number, 2, wipingDisk ? 1 : 0)
        log.note("\(agent) ends" + (wipingDisk ? " and loses its disk" : ""))
        endProcess()
        network.severAll(link: link)
        if wipingDisk { disk.wipe() }
    }

    private func endProcess() {
        core = nil
        generation += 1
        timerAt = nil
        if let attempt { network.abandon(attempt) }
        connection = nil
        attempt = nil
        loading = nil
        held = nil
        running = nil
        upload = nil
    }

    private func later(_ delay: Duration, _ body: @escaping (AgentHost) -> Void) {
        let started = generation
        clock.schedule(after: delay) { [weak self] in
            guard let self, generation == started else { return }
            body(self)
        }
    }

    // MARK: - The core

    private func handle(_ input: AgentInput) {
        guard core != nil else { return }
        log.add(number, 3, input.logWord)
        log.note("\(agent) <- \(input)")
        for action in core?.handle(input, at: clock.now) ?? [] {
            guard core != nil else { return }
            log.note("\(agent) -> \(action)")
            perform(action)
        }
        rearm()
    }

    private func rearm() {
        guard let deadline = core?.nextDeadline else { return }
        if let timerAt, timerAt <= deadline, timerAt > clock.now { return }
        let time = max(deadline, clock.now)
        timerAt = time
        let started = generation
        clock.schedule(at: time) { [weak self] in
            guard let self, generation == started, timerAt == time else { return }
            timerAt = nil
            timerFired()
        }
    }

    private func timerFired() {
        guard let deadline = core?.nextDeadline, deadline <= clock.now else { return rearm() }
        handle(.timer)
        let isDueAgain = core?.nextDeadline.map { $0 <= clock.now } ?? false
        timersAtOnce = isDueAgain ? timersAtOnce + 1 : 0
        if timersAtOnce > 1_000 {
            observer?.violation("the timer of \(agent) is due again and again at \(clock.now.sinceStart)")
            timerAt = .start
        }
    }

    private func perform(_ action: AgentAction) {
        switch action {
        case .connect:
            attempt = network.dial(self, link: link)
        case .disconnect(let goodbye):
            disconnect(goodbye)
        case .send(let message):
            send(message)
        case .storeModel(let model, let offset, let data):
            store(data, of: model, at: offset)
        case .checkModel(let model, _):
            later(.microseconds(10)) { $0.checkModel(model) }
        case .train(let task):
            train(task)
        case .evaluate(let task):
            evaluate(task)
        case .abort(let key):
            if running == key { running = nil }
        case .sendUpdate(let key, let transfer, let offset):
            upload = (key, transfer, offset)
            sendChunks()
        case .stopSending(let key):
            if upload?.key == key { upload = nil }
        case .forget(let key):
            if upload?.key == key { upload = nil }
            disk.remove(key)
        case .log:
            break
        case .stop(let reason):
            stopReason = reason
            log.add(number, 5)
            endProcess()
        }
    }

    private func send(_ message: AgentMessage) {
        guard let connection else { return }
        log.add(number, 4, message.logWord)
        network.send(transport.encode(message), on: connection, .up)
    }

    private func disconnect(_ goodbye: Goodbye?) {
        if let attempt { network.abandon(attempt) }
        attempt = nil
        upload = nil
        guard let open = connection else { return }
        if let goodbye { send(.goodbye(goodbye)) }
        connection = nil
        network.close(open, from: .up)
    }

    // MARK: - Work

    private func store(_ data: ByteSlice, of model: ModelReference, at offset: Int) {
        var bytes = loading?.digest == model.digest ? loading?.bytes ?? [] : []
        loading = nil
        guard bytes.count >= offset else { return }
        bytes.removeLast(bytes.count - offset)
        bytes += data.bytes
        loading = (model.digest, bytes)
    }

    private func checkModel(_ reference: ModelReference) {
        guard let loaded = loading, loaded.digest == reference.digest else { return }
        loading = nil
        let isValid =
            loaded.bytes.withUnsafeBytes { recipe.digest($0) } == reference.digest && loaded.bytes.count % 4 == 0
        if isValid {
            let model = loaded.bytes.withUnsafeBytes { bytes in
                ParameterVector(
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                )
            }
            held = (reference.digest, model)
        }
        handle(.modelChecked(reference.digest, isValid: isValid))
    }

    private func train(_ task: TrainTask) {
        running = task.key
        guard let held, held.digest == task.base.digest else {
            observer?.violation("\(agent) is to train on a model that it does not hold")
            return
        }
        let result = recipe.beginTraining(task, held.model)
        let begun = clock.now
        later(profile.training) { host in
            guard host.running == task.key else { return }
            host.running = nil
            host.finish(task, result, begun)
        }
    }

    private func finish(_ task: TrainTask, _ result: () throws -> TrainingOutcome, _ begun: Instant) {
        do {
            var outcome = try result()
            tampers?(task, &outcome)
            var bytes: [UInt8] = []
            let codec = try recipe.makeCodec(task.codec)
            try outcome.delta.withElements {
                try codec.encode($0, layout: task.layout, seed: Seed(task.seed).deriving("code"), into: &bytes)
            }
            let offer = UpdateOffer(
                key: task.key,
                digest: bytes.withUnsafeBytes { recipe.digest($0) },
                byteCount: bytes.count,
                codec: task.codec,
                weight: outcome.weight,
                steps: outcome.steps,
                trainedSamples: outcome.trainedSamples,
                loss: outcome.loss,
                trainingTime: begun.duration(to: clock.now),
                base: task.base.digest
            )
            disk.put(offer, bytes: bytes)
            observer?.produced(offer, delta: outcome.delta)
            handle(.trained(offer))
        } catch {
            handle(.trainingFailed(task.key, .trainerFailed, "\(error)"))
        }
    }

    private func evaluate(_ task: EvaluateTask) {
        guard let held, held.digest == task.base.digest else {
            observer?.violation("\(agent) is to evaluate a model that it does not hold")
            return
        }
        let result = recipe.beginEvaluation(agent, task, held.model)
        later(profile.evaluation) { host in
            do {
                host.handle(.evaluated(task.job, task.base.round, try result()))
            } catch {
                host.handle(.evaluationFailed(task.job, task.base.round, .trainerFailed, "\(error)"))
            }
        }
    }

    // MARK: - Uploads

    /// Sends the next chunks of the update under way, as many as the window lets through.
    private func sendChunks() {
        guard let connection else { return }
        while let (key, transfer, offset) = upload, let bytes = disk.outbox[key]?.bytes {
            let window = chunkBytes * CoordinatorHost.windowChunks
            guard network.backlog(of: connection, .up) < window else { return }
            let end = min(offset + chunkBytes, bytes.count)
            upload = end < bytes.count ? (key, transfer, end) : nil
            sentUpdateBytes += UInt64(end - offset)
            let data = ByteSlice(copying: Array(bytes[offset..<end]))
            send(.chunk(BlobChunk(transfer: transfer, offset: offset, data: data)))
        }
    }
}

extension AgentHost: VirtualDialer {
    func connected(_ connection: ConnectionID) {
        attempt = nil
        self.connection = connection
        handle(.connected)
    }

    func connectFailed(_ attempt: UInt64, _ why: String) {
        guard self.attempt == attempt else { return }
        self.attempt = nil
        handle(.connectFailed(why))
    }

    func received(_ frame: VirtualFrame, on connection: ConnectionID) {
        guard connection == self.connection else { return }
        do {
            let message = try transport.coordinatorMessage(in: frame)
            if case .welcome(let welcome) = message { chunkBytes = welcome.chunkBytes }
            if canary == .forgetOnAcceptance, case .verdict(let verdict) = message, verdict.isAccepted {
                disk.remove(verdict.key)
            }
            handle(.received(message))
        } catch {
            handle(.malformed(.protocolViolation, "\(error)"))
        }
    }

    func closed(_ connection: ConnectionID, _ why: String) {
        guard connection == self.connection else { return }
        self.connection = nil
        upload = nil
        handle(.disconnected(why))
    }

    func drained(_ connection: ConnectionID) {
        guard connection == self.connection else { return }
        sendChunks()
    }
}
