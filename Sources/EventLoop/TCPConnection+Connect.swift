// SPDX-License-Identifier: Apache-2.0

extension TCPConnection {
    /// Connects to a host and port; call it on the loop, that is from an actor whose executor the loop is.
    ///
    /// A host name's addresses are tried in the order of the system's resolver. The connection is quiet until `start`;
    /// start or close it, or it stays open as long as the loop.
    ///
    /// - Parameters:
    ///   - endpoint: `host:port`.
    ///   - loop: runs the connection.
    ///   - configuration: the limits and deadlines of the connection.
    ///   - timeout: for the name and all its addresses together.
    /// - Throws: `EventLoopError`, with the code `cancelled` if the task is cancelled.
    public static func connect(
        to endpoint: TCPEndpoint,
        on loop: EventLoop,
        configuration: TCPConfiguration = TCPConfiguration(),
        timeout: Duration,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> TCPConnection {
        loop.requireOnLoop()
        let slot = AttemptSlot()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation(isolation: isolation) { continuation in
                let attempt = ConnectAttempt(
                    to: endpoint,
                    on: loop,
                    configuration: configuration,
                    timeout: timeout
                ) { continuation.resume(with: $0) }
                slot.attempt = attempt
                if slot.isCancelled { attempt.cancel() }
            }
        } onCancel: {
            loop.execute {
                slot.isCancelled = true
                slot.attempt?.cancel()
            }
        }
    }

    /// As the asynchronous `connect`, with a completion that runs once on the loop, possibly before this returns.
    public static func connect(
        to endpoint: TCPEndpoint,
        on loop: EventLoop,
        configuration: TCPConfiguration = TCPConfiguration(),
        timeout: Duration,
        completion: @escaping (Result<TCPConnection, EventLoopError>) -> Void
    ) {
        _ = ConnectAttempt(
            to: endpoint,
            on: loop,
            configuration: configuration,
            timeout: timeout,
            completion: completion
        )
    }
}

/// Where a cancelled task finds its attempt.
private final class AttemptSlot: @unchecked Sendable {
    // Sendable: both members are touched on the loop only.
    weak var attempt: ConnectAttempt?
    var isCancelled = false
}
