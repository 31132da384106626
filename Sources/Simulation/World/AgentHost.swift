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
    var sentUpdateBytes: UInt64 = 0
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
    var connection: ConnectionID?
    var attempt: UInt64?
    /// The largest chunk that the coordinator takes.
    var chunkBytes = Limits.chunkBytes
    var loading: (part: ModelReference.Part, bytes: [UInt8])?
    var held: (digest: BlobDigest, model: ParameterVector)?
    var running: UpdateKey?
    var upload: (key: UpdateKey, transfer: UInt64, offset: Int)?
    var stream: RunningStream?

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
        if canary == .forgetAgentMemory { disk.forgetMemories() }
        let configuration = AgentConfiguration(
            agent: agent,
            incarnation: incarnation,
            codecs: CodecRegistry.agentNames,
            labels: profile.labels,
            resources: profile.stream == nil ? profile.resources : profile.resources.merging(["stream": 1]) { $1 },
            patience: nil
        )
        core = AgentCore(
            configuration: configuration,
            outbox: disk.offers,
            samples: disk.sampleOffers,
            seed: seed.deriving("agent", incarnation)
        )
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
        stream = nil
    }

    func later(_ delay: Duration, _ body: @escaping (AgentHost) -> Void) {
        let started = generation
        clock.schedule(after: delay) { [weak self] in
            guard let self, generation == started else { return }
            body(self)
        }
    }

    // MARK: - The core

    func handle(_ input: AgentInput) {
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
        case .checkModel(let part, let layout, let after):
            later(.microseconds(10)) { $0.checkModel(part, layout, after) }
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
        case .stream(let task):
            beginStream(task)
        case .endStream(let end):
            endStream(end)
        case .sendSamples(let offer, let transfer, let offset):
            sendSamples(offer, transfer: transfer, offset: offset)
        case .settleSamples(let verdict):
            settle(verdict)
        case .adapt(let push):
            adapt(push)
        case .samplesPurged:
            break
        case .log:
            break
        case .stop(let reason):
            stopReason = reason
            log.add(number, 5)
            endProcess()
        }
    }

    func send(_ message: AgentMessage) {
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
