// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import EventLoop
import Ledger
public import Logging
import Messaging
import RoundWork
public import Rounds
import Wire

/// The coordinator as a process: sockets, disk and worker threads around a ``CoordinatorCore``.
///
/// Everything but the heavy work (checking, folding, syncing) happens on one loop, on which this actor runs.
public actor CoordinatorDaemon {
    /// What a coordinator is started with.
    public struct Options: Sendable {
        /// Where it listens; port 0 lets the system choose.
        public var listen: TCPEndpoint
        /// The folder of the journal, the spool and the checkpoints; made if it is not there.
        public var stateDirectory: String
        /// The knobs.
        public var configuration: CoordinatorConfiguration

        /// Creates options.
        public init(
            listen: TCPEndpoint,
            stateDirectory: String,
            configuration: CoordinatorConfiguration = CoordinatorConfiguration()
        ) {
            self.listen = listen
            self.stateDirectory = stateDirectory
            self.configuration = configuration
        }
    }

    nonisolated let loop: EventLoop
    let options: Options
    let logger: Logger
    let ledger: Ledger
    let spool: Spool
    let checkpoints: CheckpointStore
    var metrics = JobMetrics()
    /// Called on the loop with every event of every job.
    let observer: (@Sendable (JobEvent) -> Void)?

    var core: CoordinatorCore
    var channels: [ConnectionID: PeerChannel] = [:]
    let resources = ChannelResources()
    /// The models of the active job that agents may ask for.
    var models = ModelShelf()
    var spare = SpareVector(nil)
    let samples: SampleStore
    var adaptations: [JobID: AdaptationWork] = [:]
    /// The models that devices of adaptation jobs begin with.
    var sources: [BlobDigest: (job: JobID, bytes: ByteSlice)] = [:]
    var recipes: [JobID: JobRecipe] = [:]
    var specifications: [JobID: JobSpecification] = [:]
    /// What goes to the journal together, at the end of the loop's turn.
    var unrecorded: [(entries: [JournalEntry], token: RecordToken)] = []
    var durability = DurabilityQueue()

    let workers = DispatchQueue(label: "tributary.coordinator.work", attributes: .concurrent)
    let syncing = DispatchQueue(label: "tributary.coordinator.sync")
    private var listener: TCPListener?
    private var timer: LoopTimer?
    private var lastConnection: UInt64 = 0
    /// What was read on each connection when the timer last looked.
    private var seenBytes: [ConnectionID: UInt64] = [:]
    private var inputs: [CoordinatorInput] = []
    private var isDraining = false
    private var whenStopped: [CheckedContinuation<Void, Never>] = []
    private var isStopped = false
    private let origin: MonotonicInstant

    /// The loop runs this actor.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Opens the state folder and takes up its jobs.
    ///
    /// - Parameters:
    ///   - options: where to listen and where to keep the state.
    ///   - loop: a started loop.
    ///   - logger: takes the log.
    ///   - observer: is called on the loop with every event of every job.
    /// - Throws: `LedgerError` when the state folder cannot be used.
    public init(
        options: Options,
        loop: EventLoop,
        logger: Logger,
        observer: (@Sendable (JobEvent) -> Void)? = nil
    ) throws {
        self.options = options
        self.loop = loop
        self.logger = logger
        self.observer = observer
        let state = try StateFolder(path: options.stateDirectory)
        ledger = try Ledger(in: state)
        spool = try Spool(in: state)
        checkpoints = try CheckpointStore(in: state)
        samples = try SampleStore(in: state)
        let recovery = StateRecovery(ledger: ledger, spool: spool, checkpoints: checkpoints, logger: logger)
        let recovered = try recovery.run()
        try samples.keepOnly(Set(recovered.flatMap { $0.samples.map(\.key) }))
        origin = loop.now
        for job in recovered { specifications[job.job] = job.specification }
        core = CoordinatorCore(
            configuration: options.configuration,
            recovering: recovered,
            at: .start,
            validate: { JobValidation.objection(to: $0) }
        )
        if !recovered.isEmpty {
            let open = recovered.filter { !$0.phase.isOver }
            logger.info(
                "took up \(recovered.count) jobs from \(options.stateDirectory), \(open.count) of them not over"
            )
        }
    }

    /// Listens and takes up the jobs.
    ///
    /// - Parameter announce: is given the address, with the port that the system chose, before any event of a job.
    /// - Throws: `EventLoopError` when the address cannot be listened on.
    public func start(announce: @Sendable (TCPEndpoint) -> Void = { _ in }) async throws {
        var configuration = TCPConfiguration()
        // The hello must come within its limit; a peer that takes nothing of what it asked for is dropped.
        configuration.progressDeadline = options.configuration.silenceLimit
        configuration.highWatermarkBytes = 1 << 20
        configuration.lowWatermarkBytes = 256 << 10
        let listener = try await TCPListener.bind(
            to: options.listen,
            on: loop,
            configuration: configuration,
            accept: { self.accepted($0) }
        )
        listener.onAcceptError { self.logger.error("a connection could not be accepted: \($0.message)") }
        self.listener = listener
        timer = loop.makeTimer { self.timerFired() }
        announce(listener.localEndpoint)
        logger.info("listening on \(listener.localEndpoint)")
        perform(core.start(at: now))
        drain()
    }

    /// Says goodbye to all, closes all, and returns when everything is closed and written.
    public func stop() async {
        guard !isStopped else { return }
        listener?.close()
        listener = nil
        feed(.shutdown)
        await withCheckedContinuation { continuation in
            whenStopped.append(continuation)
            finishIfClosed()
        }
    }

    private func finishIfClosed() {
        guard !whenStopped.isEmpty, channels.isEmpty, !isStopped else { return }
        isStopped = true
        timer?.cancel()
        flushJournal()
        // The last piece of work that was given to the queues has ended when these have.
        let ledger = ledger
        let waiting = whenStopped
        whenStopped = []
        let done = { @Sendable in
            try? ledger.synchronize()
            for continuation in waiting { continuation.resume() }
        }
        workers.async(flags: .barrier) { self.syncing.async(execute: done) }
    }

    private func timerFired() {
        for (id, channel) in channels {
            let count = channel.byteCounts.read
            if seenBytes.updateValue(count, forKey: id) != count { core.heard(id, at: now) }
        }
        feed(.timer)
    }

    // MARK: - The core

    var now: Instant { Instant(origin.duration(to: loop.now)) }

    /// Gives the core what happened and does what it says.
    func feed(_ input: CoordinatorInput) {
        guard !isStopped else { return }
        inputs.append(input)
        drain()
    }

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        while !inputs.isEmpty {
            let batch = inputs
            inputs = []
            for input in batch { perform(core.handle(input, at: now)) }
        }
        isDraining = false
        timer?.arm(after: max(.zero, now.duration(to: core.nextDeadline)))
    }

    /// Work on another thread hands its result back.
    nonisolated func deliver(_ input: CoordinatorInput) {
        loop.execute { self.assumeIsolated { $0.feed(input) } }
    }

    /// The jobs as operators see them.
    public func statuses() -> [JobStatus] { core.allStatuses }

    // MARK: - Connections

    private func accepted(_ connection: TCPConnection) {
        lastConnection += 1
        let id = ConnectionID(lastConnection)
        let channel = PeerChannel(connection, sharing: resources)
        channels[id] = channel
        channel.start(
            frameLimit: WireLimits.helloFrameBytes,
            callbacks: PeerChannel.Callbacks(
                received: { self.received($0, on: id) },
                malformed: { self.feed(.malformed(id, $0.reason, $0.message)) },
                sentBlobBytes: { self.sentBlobBytes($0, on: id) },
                transferFailed: { self.logger.error("a model cannot be sent: \($0)") },
                closed: { self.closed(id, $0) }
            )
        )
        feed(.opened(id, peer: channel.peer))
    }

    private func received(_ message: AgentMessage, on id: ConnectionID) {
        if case .hello = message { channels[id]?.setFrameLimit(Limits.frameBytes) }
        feed(.received(id, message))
    }

    private func sentBlobBytes(_ count: Int, on id: ConnectionID) {
        if let job = core.runningJob { core.countSentBytes(job, count, on: id) }
    }

    private func closed(_ id: ConnectionID, _ why: String) {
        channels[id] = nil
        seenBytes[id] = nil
        feed(.closed(id, why))
        finishIfClosed()
    }
}
