// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Everything that an agent decides: when to connect, which task to do, what to keep and what to forget.
///
/// It performs nothing itself; see ``CoordinatorCore``. A finished update stays in the outbox until the coordinator
/// says that its round is durable, so that neither side's crash loses it.
public struct AgentCore: Sendable {
    enum Link: Sendable {
        /// Not connected; connects at this time, or not before something happens.
        case offline(until: Instant?)
        /// Connects or says hello until then.
        case connecting(until: Instant)
        /// Connected and welcome.
        case online(Welcome)
        /// Will not connect any more.
        case stopped
    }

    /// After this long, an update that the coordinator could not store is offered again.
    static let storageRetry: Duration = .seconds(5)
    /// The shortest pause after a failed attempt to connect; it doubles with every failure.
    static let firstPause: Duration = .milliseconds(100)
    /// Updates kept for rounds that are not known to be durable.
    static let outboxLimit = 8

    let configuration: AgentConfiguration
    var link = Link.offline(until: nil)
    var outbox: [UpdateKey: OutboxEntry] = [:]
    var tasks = TaskQueue()
    var stream = StreamState()
    private var generator: SeededGenerator
    private var startedAt: Instant?
    private var wasOnline = false
    private var failures = 0
    private var lastSent = Instant.start
    private var lastHeard = Instant.start
    private var lastFailure = ""

    /// Creates an agent.
    ///
    /// - Parameters:
    ///   - configuration: who it is.
    ///   - outbox: the updates that an earlier process left.
    ///   - samples: the batches of samples that an earlier process left.
    ///   - seed: the randomness of its pauses.
    public init(
        configuration: AgentConfiguration,
        outbox: [UpdateOffer] = [],
        samples: [SampleOffer] = [],
        seed: Seed
    ) {
        self.configuration = configuration
        stream.pending = samples.sorted { ($0.job, $0.sequence) < ($1.job, $1.sequence) }
        generator = SeededGenerator(seed: seed)
        for offer in outbox where offer.key.agent == configuration.agent {
            self.outbox[offer.key] = OutboxEntry(offer: offer)
        }
    }

    /// Whether the agent is connected and welcome.
    public var isOnline: Bool { if case .online = link { true } else { false } }

    /// When ``AgentInput/timer`` is due; nil for never.
    public var nextDeadline: Instant? {
        switch link {
        case .offline(let until): return until
        case .connecting(let until): return until
        case .stopped: return nil
        case .online(let welcome):
            var deadline = min(
                lastSent.advanced(by: welcome.heartbeat),
                lastHeard.advanced(by: welcome.silenceLimit)
            )
            if let retryAt = stream.retryAt { deadline = min(deadline, retryAt) }
            for entry in outbox.values {
                if let retryAt = entry.retryAt { deadline = min(deadline, retryAt) }
            }
            return deadline
        }
    }

    /// Takes note that bytes of a message arrived that is not complete yet: a slow line is no dead one.
    public mutating func heard(at now: Instant) {
        lastHeard = now
    }

    /// Takes in what happened and says what is to be done, in this order.
    public mutating func handle(_ input: AgentInput, at now: Instant) -> [AgentAction] {
        var actions: [AgentAction] = []
        if case .stopped = link { return actions }
        switch input {
        case .start:
            startedAt = now
            connect(now, &actions)
        case .connected:
            lastHeard = now
            send(.hello(hello), now, &actions)
        case .connectFailed(let why):
            connectFailed(why, now, &actions)
        case .disconnected(let why):
            lost(why, now, &actions)
        case .received(let message):
            lastHeard = now
            received(message, now, &actions)
        case .malformed(let reason, let message):
            actions.append(.disconnect(Goodbye(reason, message)))
            lost("the coordinator sent what is no message: \(message)", now, &actions)
        case .modelChecked(let digest, let isValid):
            modelChecked(digest, isValid, now, &actions)
        case .trained(let offer):
            trained(offer, now, &actions)
        case .trainingFailed(let key, let reason, let message):
            trainingFailed(key, reason, message, now, &actions)
        case .progressed(let key, let steps, let totalSteps):
            guard isOnline else { break }
            send(.progress(TaskProgress(key: key, steps: steps, totalSteps: totalSteps)), now, &actions)
        case .evaluated(let job, let round, let summary):
            tasks.finishEvaluation(job, round)
            if isOnline {
                send(.evaluation(EvaluationReport(job: job, round: round, outcome: summary)), now, &actions)
            }
            pump(now, &actions)
        case .evaluationFailed(let job, let round, let reason, let message):
            evaluationFailed(job, round, reason, message, now, &actions)
        case .samplesReady(let offer):
            samplesReady(offer, now, &actions)
        case .streamReported(let report):
            reported(report, now, &actions)
        case .timer:
            timer(now, &actions)
        case .stop:
            stop(.asked, Goodbye(.shuttingDown, "the agent stops"), &actions)
        }
        return actions
    }

    private var hello: Hello {
        Hello(
            role: .agent,
            agent: configuration.agent.name,
            incarnation: configuration.incarnation,
            codecs: configuration.codecs,
            labels: configuration.labels,
            resources: configuration.resources,
            software: configuration.software
        )
    }

    mutating func send(_ message: AgentMessage, _ now: Instant, _ actions: inout [AgentAction]) {
        lastSent = now
        actions.append(.send(message))
    }

    // MARK: - Connecting

    private mutating func connect(_ now: Instant, _ actions: inout [AgentAction]) {
        link = .connecting(until: now.advanced(by: configuration.handshakeLimit))
        actions.append(.connect)
    }

    private mutating func connectFailed(_ why: String, _ now: Instant, _ actions: inout [AgentAction]) {
        lastFailure = why
        if !wasOnline, let patience = configuration.patience, let startedAt,
            startedAt.advanced(by: patience) <= now
        {
            return stop(.unreachable(why), nil, &actions)
        }
        // Exponential with full jitter, so that agents that failed together do not come back together.
        let doublings = Double(min(failures, 20))
        var ceiling = Self.firstPause
        for _ in 0..<Int(doublings) where ceiling < configuration.longestPause { ceiling = ceiling * 2 }
        ceiling = min(ceiling, configuration.longestPause)
        failures += 1
        let pause = min(Self.firstPause / 2 + ceiling * generator.uniform(), configuration.longestPause)
        if failures == 1 { actions.append(.log(LogLine(.warning, "\(why); trying again"))) }
        link = .offline(until: now.advanced(by: pause))
    }

    /// The connection is gone: comes back inside the window that the coordinator named.
    private mutating func lost(_ why: String, _ now: Instant, _ actions: inout [AgentAction]) {
        let window: Welcome
        switch link {
        case .online(let welcome):
            window = welcome
            actions.append(.log(LogLine(.info, "disconnected: \(why)")))
        case .connecting:
            return connectFailed(why, now, &actions)
        case .offline, .stopped:
            return
        }
        interruptTransfers(&actions)
        let width = window.reconnectLatest - window.reconnectEarliest
        let pause = window.reconnectEarliest + width * generator.uniform()
        link = .offline(until: now.advanced(by: pause))
    }

    /// Ends a connection on which the other side broke the protocol.
    mutating func breakOff(_ now: Instant, _ actions: inout [AgentAction]) {
        lost("the coordinator does not keep to the protocol", now, &actions)
    }

    private mutating func interruptTransfers(_ actions: inout [AgentAction]) {
        tasks.interruptDownload()
        stream.offered = nil
        for key in outbox.keys.sorted() {
            if case .uploading = outbox[key]?.state { actions.append(.stopSending(key)) }
            outbox[key]?.state = .kept
        }
    }

    mutating func stop(_ reason: AgentStop, _ goodbye: Goodbye?, _ actions: inout [AgentAction]) {
        if let key = tasks.runningKey { actions.append(.abort(key)) }
        switch link {
        case .online: actions.append(.disconnect(goodbye))
        case .connecting: actions.append(.disconnect(nil))
        case .offline, .stopped: break
        }
        link = .stopped
        actions.append(.stop(reason))
    }

    private mutating func timer(_ now: Instant, _ actions: inout [AgentAction]) {
        switch link {
        case .offline(let until):
            if let until, now >= until { connect(now, &actions) }
        case .connecting(let until):
            guard now >= until else { return }
            actions.append(.disconnect(nil))
            connectFailed("the coordinator did not answer in time", now, &actions)
        case .online(let welcome):
            if now >= lastHeard.advanced(by: welcome.silenceLimit) {
                actions.append(.disconnect(Goodbye(.silent, "nothing was heard for the silence limit")))
                return lost("the coordinator fell silent", now, &actions)
            }
            if now >= lastSent.advanced(by: welcome.heartbeat) { send(.heartbeat, now, &actions) }
            offerDue(now, &actions)
            offerSamplesDue(now, &actions)
        case .stopped:
            break
        }
    }

    // MARK: - Messages

    private mutating func received(_ message: CoordinatorMessage, _ now: Instant, _ actions: inout [AgentAction]) {
        switch (link, message) {
        case (_, .goodbye(let goodbye)):
            dismissed(goodbye, now, &actions)
        case (.connecting, .welcome(let welcome)):
            welcomed(welcome, now, &actions)
        case (.online, .heartbeat), (.online, .operatorReply):
            break
        case (.online, .train(let task)):
            asked(task, now, &actions)
        case (.online, .evaluate(let task)):
            if !tasks.contains(task) { tasks.add(task) }
            pump(now, &actions)
        case (.online, .chunk(let chunk)):
            arrived(chunk, now, &actions)
        case (.online, .uploadRequest(let request)):
            uploadRequested(request, &actions)
        case (.online, .verdict(let verdict)):
            judged(verdict, now, &actions)
        case (.online, .roundCommitted(let committed)):
            for key in outbox.keys.sorted() where key.job == committed.job && key.round <= committed.round {
                forget(key, &actions)
            }
        case (.online, .cancel(let cancellation)):
            cancelled(cancellation, now, &actions)
        case (.online, _):
            streamReceived(message, now, &actions)
        default:
            actions.append(
                .disconnect(Goodbye(.protocolViolation, "a message before the welcome"))
            )
            lost("the coordinator does not keep to the protocol", now, &actions)
        }
    }

    /// The messages of adaptation jobs.
    private mutating func streamReceived(
        _ message: CoordinatorMessage,
        _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        switch message {
        case .stream(let task):
            streamAsked(task, now, &actions)
        case .sampleRequest(let request):
            samplesRequested(request, &actions)
        case .sampleVerdict(let verdict):
            samplesJudged(verdict, now, &actions)
        case .adaptation(let push):
            if stream.task?.job == push.job { actions.append(.adapt(push)) }
        case .streamEnd(let end):
            streamEnded(end, now, &actions)
        case .samplesPurged(let receipt):
            samplesPurged(receipt, now, &actions)
        default:
            actions.append(.disconnect(Goodbye(.protocolViolation, "a second welcome")))
            lost("the coordinator does not keep to the protocol", now, &actions)
        }
    }

    private mutating func welcomed(_ welcome: Welcome, _ now: Instant, _ actions: inout [AgentAction]) {
        guard welcome.version >= ProtocolVersion.oldest, welcome.version <= ProtocolVersion.newest else {
            let text = "the coordinator chose protocol version \(welcome.version), which this agent does not speak"
            return stop(.refused(.unsupportedVersion, text), Goodbye(.unsupportedVersion, text), &actions)
        }
        link = .online(welcome)
        wasOnline = true
        failures = 0
        actions.append(.log(LogLine(.info, "connected")))
        // Whatever the coordinator knows or forgot: offering again is acknowledged again and counted once.
        for key in outbox.keys.sorted() { offer(key, now, &actions) }
        pump(now, &actions)
    }

    private mutating func dismissed(_ goodbye: Goodbye, _ now: Instant, _ actions: inout [AgentAction]) {
        switch goodbye.reason {
        case .unsupportedVersion, .invalidAgent, .replaced:
            actions.append(.disconnect(nil))
            interruptTransfers(&actions)
            if let key = tasks.runningKey { actions.append(.abort(key)) }
            link = .stopped
            actions.append(.stop(.refused(goodbye.reason, goodbye.message)))
        default:
            actions.append(.disconnect(nil))
            lost("\(goodbye.reason): \(goodbye.message)", now, &actions)
            // Asking for the same model again would end the next connection too. A task that is still wanted comes
            // anew.
            if goodbye.reason == .unknownBlob { tasks.abandonDownload() }
            if let retryAfter = goodbye.retryAfter, case .offline = link {
                // Spread over the same length once more: everyone was told the same.
                let pause = retryAfter + retryAfter * generator.uniform()
                link = .offline(until: now.advanced(by: pause))
            }
        }
    }
}
