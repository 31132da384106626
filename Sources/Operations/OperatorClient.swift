// SPDX-License-Identifier: Apache-2.0

public import EventLoop
import FoundationEssentials
import Messaging
public import Rounds
import Wire

/// Submits, lists, watches and cancels the jobs of a coordinator.
///
/// One request at a time: wait for its answer before the next.
public actor OperatorClient {
    nonisolated let loop: EventLoop
    private let endpoint: TCPEndpoint
    private var channel: CoordinatorChannel?
    private var awaited: CheckedContinuation<CoordinatorMessage, any Error>?
    private var watching: AsyncThrowingStream<JobEvent, any Error>.Continuation?
    private var heartbeat: LoopTimer?
    private var ending: OperatorError?

    /// The loop runs this actor.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Creates a client; nothing happens before ``connect()``.
    public init(endpoint: TCPEndpoint, loop: EventLoop) {
        self.endpoint = endpoint
        self.loop = loop
    }

    /// Connects and says hello.
    ///
    /// - Throws: ``OperatorError`` with code `unreachable` or `refused`.
    public func connect() async throws {
        let connection: TCPConnection
        do {
            connection = try await TCPConnection.connect(to: endpoint, on: loop, timeout: .seconds(10))
        } catch let error as EventLoopError {
            throw OperatorError(.unreachable, error.message)
        }
        let channel = CoordinatorChannel(connection, sharing: ChannelResources())
        self.channel = channel
        channel.start(
            frameLimit: Limits.frameBytes,
            callbacks: CoordinatorChannel.Callbacks(
                received: { self.received($0) },
                malformed: { self.end(OperatorError(.lost, "the coordinator sent what is no message: \($0.message)")) },
                closed: { self.end(OperatorError(.lost, "the connection to \(self.endpoint) ended: \($0)")) }
            )
        )
        channel.send(.hello(Hello(role: .operator, software: "tributary")))
        guard case .welcome(let welcome) = try await answer() else {
            throw OperatorError(.lost, "\(endpoint) did not answer as a coordinator does")
        }
        beat(every: welcome.heartbeat)
    }

    private func beat(every interval: Duration) {
        let timer = loop.makeTimer {
            self.channel?.send(.heartbeat)
            self.beat(every: interval)
        }
        timer.arm(after: interval)
        heartbeat = timer
    }

    // MARK: - Requests

    /// Adds a job.
    ///
    /// - Throws: ``OperatorError`` with code `refused` when the coordinator cannot run it.
    public func submit(_ specification: JobSpecification) async throws -> JobStatus {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text = String(decoding: try encoder.encode(specification), as: UTF8.self)
        return try await single(.submit(specification: text))
    }

    /// The states of all jobs.
    public func list() async throws -> [JobStatus] {
        try await jobs(.list)
    }

    /// The state of one job.
    public func status(_ job: JobID) async throws -> JobStatus {
        try await single(.status(job))
    }

    /// Cancels a job.
    public func cancel(_ job: JobID) async throws -> JobStatus {
        try await single(.cancel(job))
    }

    /// Whose samples are held, and what was deleted.
    public func samples(of agent: AgentID?) async throws -> (holdings: [SampleHolding], receipts: [PurgeReceipt]) {
        try await samples(.holdings(agent))
    }

    /// Deletes an agent's samples, with all that was learnt from them, and gives the receipts.
    ///
    /// - Throws: ``OperatorError`` with code `refused` where nothing is held or the disk refused.
    public func purge(_ agent: AgentID, _ job: JobID?) async throws -> [PurgeReceipt] {
        try await samples(.purge(agent, job)).receipts
    }

    private func samples(
        _ request: OperatorRequest
    ) async throws -> (holdings: [SampleHolding], receipts: [PurgeReceipt]) {
        channel?.send(.operatorRequest(request))
        switch try await answer() {
        case .operatorReply(.samples(let holdings, let receipts)): return (holdings, receipts)
        case .operatorReply(.refused(let reason, let message)): throw OperatorError(.refused, message, reason)
        default: throw OperatorError(.lost, "\(endpoint) did not answer as a coordinator does")
        }
    }

    /// The events of a job from now on, until it is over.
    public func watch(_ job: JobID) -> AsyncThrowingStream<JobEvent, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: JobEvent.self, throwing: (any Error).self)
        if let ending {
            continuation.finish(throwing: ending)
        } else {
            watching = continuation
            channel?.send(.operatorRequest(.watch(job)))
        }
        return stream
    }

    /// Says goodbye and closes.
    public func close() {
        heartbeat?.cancel()
        channel?.close(Goodbye(.shuttingDown, "the operator is done"))
        channel = nil
    }

    private func single(_ request: OperatorRequest) async throws -> JobStatus {
        guard let status = try await jobs(request).first else {
            throw OperatorError(.lost, "\(endpoint) did not answer as a coordinator does")
        }
        return status
    }

    private func jobs(_ request: OperatorRequest) async throws -> [JobStatus] {
        channel?.send(.operatorRequest(request))
        switch try await answer() {
        case .operatorReply(.jobs(let statuses)): return statuses
        case .operatorReply(.refused(let reason, let message)): throw OperatorError(.refused, message, reason)
        default: throw OperatorError(.lost, "\(endpoint) did not answer as a coordinator does")
        }
    }

    private func answer() async throws -> CoordinatorMessage {
        if let ending { throw ending }
        precondition(awaited == nil, "one request at a time")
        return try await withCheckedThrowingContinuation { awaited = $0 }
    }

    // MARK: - Answers

    private func received(_ message: CoordinatorMessage) {
        switch message {
        case .heartbeat:
            break
        case .goodbye(let goodbye):
            end(OperatorError(.refused, goodbye.message, goodbye.reason))
        case .operatorReply(.event(let event)):
            watching?.yield(event)
            if event.kind == .ended {
                watching?.finish()
                watching = nil
            }
        case .operatorReply(.refused(let reason, let message)) where watching != nil && awaited == nil:
            watching?.finish(throwing: OperatorError(.refused, message, reason))
            watching = nil
        default:
            let waiting = awaited
            awaited = nil
            waiting?.resume(returning: message)
        }
    }

    private func end(_ error: OperatorError) {
        if ending == nil { ending = error }
        heartbeat?.cancel()
        let waiting = awaited
        awaited = nil
        waiting?.resume(throwing: ending ?? error)
        watching?.finish(throwing: ending ?? error)
        watching = nil
    }
}
