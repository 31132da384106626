// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Rounds

/// A virtual operator: submits one job after the other, watches each to its end, cancels where it is asked to.
///
/// It is patient: it calls again after every failure, and submits again only what the coordinator does not list.
final class OperatorHost {
    private let clock: VirtualClock
    private let log: EventLog
    private let network: VirtualNetwork
    private let transport: any MessageTransport
    private let link: Int
    private let specifications: [JobSpecification]
    private var connection: ConnectionID?
    private var next = 0
    private var wantsCancel = false
    /// What was asked for on this connection.
    private var watched: Set<JobID> = []
    private var cancelled: Set<JobID> = []
    private var isSubmitting = false
    private var calls = 0
    private var lastHeard = Instant.start
    private weak var observer: (any WorldObserver)?
    /// The last known state of each job, by the job's name.
    private(set) var statuses: [String: JobStatus] = [:]
    private var wantedPurge: AgentID?
    /// The receipts that the coordinator gave.
    private(set) var receipts: [PurgeReceipt] = []

    init(world: VirtualWorld, specifications: [JobSpecification]) {
        precondition(Set(specifications.map(\.name)).count == specifications.count, "jobs of one world differ in name")
        clock = world.clock
        log = world.log
        network = world.network
        transport = world.transport
        observer = world.observer
        self.specifications = specifications
        link = network.addLink(LinkProfile())
    }

    /// Whether every job is over.
    var isDone: Bool { next == specifications.count }

    func start() { call() }

    /// Asks the coordinator to cancel the job that runs.
    func cancelCurrent() {
        guard !isDone else { return }
        wantsCancel = true
        if let status = statuses[specifications[next].name] { follow(status) }
    }

    /// Watches a job, and cancels it if that is wanted, once on each connection.
    private func follow(_ status: JobStatus) {
        guard connection != nil else { return }
        if watched.insert(status.job).inserted { send(.operatorRequest(.watch(status.job))) }
        if wantsCancel, cancelled.insert(status.job).inserted { send(.operatorRequest(.cancel(status.job))) }
    }

    /// Asks that the samples of an agent be deleted, again until a receipt comes.
    func purge(_ agent: AgentID) {
        wantedPurge = agent
        send(.operatorRequest(.purge(agent, nil)))
    }

    private func purgeAgain(_ agent: AgentID) {
        clock.schedule(after: .seconds(5)) { [weak self] in
            guard let self, wantedPurge == agent else { return }
            send(.operatorRequest(.purge(agent, nil)))
        }
    }

    private func call() {
        calls += 1
        let attempt = network.dial(self, link: link)
        let call = calls
        // A call that is not answered is lost.
        clock.schedule(after: .seconds(5)) { [weak self] in
            guard let self, calls == call, connection == nil else { return }
            network.abandon(attempt)
            self.call()
        }
    }

    /// Asks again every few seconds on one connection; one on which no answer comes is dead.
    private func poll(_ polled: ConnectionID) {
        clock.schedule(after: .seconds(5)) { [weak self] in
            guard let self, connection == polled, !isDone else { return }
            if lastHeard.duration(to: clock.now) > .seconds(12) {
                network.close(polled, from: .up)
                return closed(polled, "silence")
            }
            send(.operatorRequest(.list))
            poll(polled)
        }
    }

    private func send(_ message: AgentMessage) {
        guard let connection else { return }
        log.add(3, 4, message.logWord)
        network.send(transport.encode(message), on: connection, .up)
    }

    private func submitNext() {
        guard !isDone, !isSubmitting else { return }
        isSubmitting = true
        let specification = specifications[next]
        guard let data = try? JSONEncoder().encode(specification) else {
            observer?.violation("the job \(specification.name) cannot be written as JSON")
            return
        }
        send(.operatorRequest(.submit(specification: String(decoding: data, as: UTF8.self))))
    }

    private func listed(_ jobs: [JobStatus]) {
        for status in jobs { statuses[status.name] = status }
        while !isDone, statuses[specifications[next].name]?.phase.isOver == true {
            next += 1
            wantsCancel = false
        }
        guard !isDone else { return }
        if let status = statuses[specifications[next].name] {
            isSubmitting = false
            follow(status)
        } else {
            submitNext()
        }
    }

    private func listAgain(after delay: Duration) {
        clock.schedule(after: delay) { [weak self] in self?.send(.operatorRequest(.list)) }
    }
}

extension OperatorHost: VirtualDialer {
    func connected(_ connection: ConnectionID) {
        self.connection = connection
        lastHeard = clock.now
        poll(connection)
        watched = []
        cancelled = []
        isSubmitting = false
        send(.hello(Hello(role: .operator)))
    }

    func connectFailed(_ attempt: UInt64, _ why: String) {
        clock.schedule(after: .milliseconds(500)) { [weak self] in self?.call() }
    }

    func received(_ frame: VirtualFrame, on connection: ConnectionID) {
        guard connection == self.connection, let message = try? transport.coordinatorMessage(in: frame) else { return }
        lastHeard = clock.now
        switch message {
        case .welcome:
            if let wantedPurge { send(.operatorRequest(.purge(wantedPurge, nil))) }
            send(.operatorRequest(.list))
        case .operatorReply(.samples(_, let receipts)):
            wantedPurge = nil
            self.receipts += receipts
        case .operatorReply(.jobs(let jobs)):
            listed(jobs)
        case .operatorReply(.event(let event)):
            statuses[event.status.name] = event.status
            if event.status.phase.isOver { send(.operatorRequest(.list)) }
        case .operatorReply(.refused(let reason, let text)):
            log.note("operator was refused: \(reason): \(text)")
            if reason == .unknownJob, text.hasPrefix("there is no") {
                observer?.violation("I5: a job that was submitted is gone: \(text)")
            }
            if reason == .invalidJob { observer?.violation("a job was refused: \(text)") }
            isSubmitting = false
            if let wantedPurge { purgeAgain(wantedPurge) }
            listAgain(after: .seconds(5))
        case .goodbye:
            closed(connection, "goodbye")
        default:
            break
        }
    }

    func closed(_ connection: ConnectionID, _ why: String) {
        guard connection == self.connection else { return }
        self.connection = nil
        clock.schedule(after: .milliseconds(200)) { [weak self] in self?.call() }
    }

    func drained(_ connection: ConnectionID) {}
}
