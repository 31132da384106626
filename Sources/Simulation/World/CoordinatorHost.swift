// SPDX-License-Identifier: Apache-2.0

import Randomness
import RoundWork
import Rounds

/// The virtual shell of a coordinator: a ``CoordinatorCore`` on a virtual disk and network, in virtual time.
///
/// Actions of one input are done in their order. Whatever answers an action comes later, as an input of its own.
final class CoordinatorHost {
    /// How the process may end between two actions.
    enum CrashKind: Sendable {
        /// The process is killed; what was written stays.
        case kill
        /// The machine loses power.
        case powerLoss
    }

    /// A part of a model as agents load it.
    struct ServedPart {
        let job: JobID
        let bytes: ByteSlice
    }

    /// A model on its way to an agent.
    struct ModelStream {
        let transfer: UInt64
        let part: ServedPart
        var offset: Int
    }

    let clock: VirtualClock
    let log: EventLog
    let network: VirtualNetwork
    let recipe: LearningRecipe
    let configuration: CoordinatorConfiguration
    let transport: any MessageTransport
    let canary: Canary?
    let disk = CoordinatorDisk()
    var durations: CoordinatorDurations
    /// Is told the jobs' events.
    var eventObserver: ((JobEvent) -> Void)?
    weak var observer: (any WorldObserver)?
    /// A process that would do this action of the whole run ends in its place.
    var crashPoint: (action: Int, kind: CrashKind)?
    /// The actions done so far, over all processes.
    private(set) var actionCount = 0

    private(set) var core: CoordinatorCore?
    private var generation = 0
    private var timerAt: Instant?
    private var timersAtOnce = 0
    var generator: SeededGenerator

    // What a process knows beside its core; gone with it.
    var specifications: [JobID: JobSpecification] = [:]
    var recipes: [JobID: JobRecipe] = [:]
    var models: [JobID: [RoundNumber: JobModel]] = [:]
    var served: [BlobDigest: ServedPart] = [:]
    var streams: [ConnectionID: ModelStream] = [:]
    /// Which bytes each open spool is for.
    var openSpools: [UpdateKey: BlobDigest] = [:]
    var unwritten: [(entries: [JournalEntry], token: RecordToken)] = []
    var isWriting = false
    /// The batches that the pseudo clouds learnt from since the process began.
    var learned: Set<SampleKey> = []

    init(
        clock: VirtualClock,
        log: EventLog,
        network: VirtualNetwork,
        recipe: LearningRecipe,
        configuration: CoordinatorConfiguration,
        durations: CoordinatorDurations,
        transport: any MessageTransport,
        canary: Canary?,
        seed: Seed
    ) {
        self.clock = clock
        self.log = log
        self.network = network
        self.recipe = recipe
        self.configuration = configuration
        self.durations = durations
        self.transport = transport
        self.canary = canary
        generator = SeededGenerator(seed: seed)
        network.listener = self
    }

    var isRunning: Bool { core != nil }

    // MARK: - The process

    /// Starts a process on what the disk holds.
    func start() {
        precondition(core == nil, "a coordinator starts once before it ends")
        generation += 1
        let recovered = recover()
        var core = CoordinatorCore(
            configuration: configuration,
            recovering: recovered,
            at: clock.now,
            validate: recipe.validate
        )
        log.add(2, 1, UInt64(recovered.count), UInt64(disk.journal.count))
        log.note("coordinator starts with \(disk.journal.count) journal entries")
        let actions = core.start(at: clock.now)
        self.core = core
        network.isListening = true
        perform(actions)
        rearm()
    }

    /// Ends the process at once.
    func crash(_ kind: CrashKind) {
        guard core != nil else { return }
        log.add(2, 2, kind == .kill ? 0 : 1)
        log.note("coordinator ends: \(kind)")
        core = nil
        generation += 1
        timerAt = nil
        network.isListening = false
        network.severAll(silently: kind == .powerLoss)
        specifications = [:]
        models = [:]
        recipes = [:]
        served = [:]
        streams = [:]
        openSpools = [:]
        unwritten = []
        isWriting = false
        learned = []
        observer?.crashed(losingPower: kind == .powerLoss)
        if kind == .powerLoss { disk.losePower(&generator) }
    }

    /// Has the living process do something later; a process that ended meanwhile does nothing.
    func later(_ delay: Duration, _ body: @escaping (CoordinatorHost) -> Void) {
        let started = generation
        clock.schedule(after: delay) { [weak self] in
            guard let self, generation == started else { return }
            body(self)
        }
    }

    // MARK: - The core

    /// Feeds the core and does what it says.
    func handle(_ input: CoordinatorInput) {
        guard core != nil else { return }
        log.add(2, 3, input.logWord)
        log.note("coordinator <- \(input)")
        let actions = core?.handle(input, at: clock.now) ?? []
        checkAnswer(to: input, actions)
        perform(actions)
        rearm()
    }

    /// An agent that asks for a model waits until it comes or the connection ends, and does nothing else.
    private func checkAnswer(to input: CoordinatorInput, _ actions: [CoordinatorAction]) {
        guard case .received(let connection, .blobRequest(let request)) = input else { return }
        let isAnswered = actions.contains { action in
            switch action {
            case .sendModel(connection, request.transfer, _, _, _), .close(connection, _): true
            default: false
            }
        }
        guard !isAnswered else { return }
        observer?.violation("I10: the request for the model \(request.digest) on \(connection) has no answer")
    }

    private func perform(_ actions: [CoordinatorAction]) {
        for action in actions {
            guard core != nil else { return }
            if let point = crashPoint, point.action == actionCount {
                crashPoint = nil
                crash(point.kind)
                return
            }
            actionCount += 1
            log.note("coordinator -> \(action)")
            perform(action)
        }
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
        timersAtOnce = core.map { $0.nextDeadline <= clock.now } == true ? timersAtOnce + 1 : 0
        if timersAtOnce > 1_000 {
            observer?.violation("the coordinator's timer is due again and again at \(clock.now.sinceStart)")
            timerAt = .start
        }
    }

    /// Tells the core that bytes of a model went out; nothing follows from that.
    func countSent(_ job: JobID, _ count: Int, on connection: ConnectionID) {
        let actions = core?.handle(.sentBytes(job, connection, count), at: clock.now) ?? []
        precondition(actions.isEmpty, "counting bytes has no consequence")
    }

    /// Sends a message.
    func send(_ message: CoordinatorMessage, on connection: ConnectionID) {
        log.add(2, 4, message.logWord, connection.value)
        network.send(transport.encode(message), on: connection, .down)
    }
}

extension CoordinatorHost: VirtualListener {
    func opened(_ connection: ConnectionID, peer: String) {
        handle(.opened(connection, peer: peer))
    }

    func received(_ frame: VirtualFrame, on connection: ConnectionID) {
        do {
            handle(.received(connection, try transport.agentMessage(in: frame)))
        } catch {
            handle(.malformed(connection, .protocolViolation, "\(error)"))
        }
    }

    func closed(_ connection: ConnectionID, _ why: String) {
        streams[connection] = nil
        handle(.closed(connection, why))
    }

    func drained(_ connection: ConnectionID) {
        streamModel(connection)
    }
}
