// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

/// A listening TCP socket on an event loop.
public final class TCPListener: @unchecked Sendable {
    // Sendable: every method checks that it runs on the loop, and the public constants never change.

    /// The address that it listens on, with the port that the system chose if none was given.
    public let localEndpoint: TCPEndpoint

    private let loop: EventLoop
    private let configuration: TCPConfiguration
    private var handle: UnsafeMutablePointer<uv_tcp_t>?
    private var accept: ((TCPConnection) -> Void)?
    private var acceptFailed: ((EventLoopError) -> Void)?

    private init(
        loop: EventLoop,
        handle: UnsafeMutablePointer<uv_tcp_t>,
        localEndpoint: TCPEndpoint,
        configuration: TCPConfiguration,
        accept: @escaping (TCPConnection) -> Void
    ) {
        self.loop = loop
        self.handle = handle
        self.localEndpoint = localEndpoint
        self.configuration = configuration
        self.accept = accept
    }

    /// Called on the loop when a connection could not be accepted; the listener goes on.
    public func onAcceptError(_ body: @escaping (EventLoopError) -> Void) {
        loop.requireOnLoop()
        acceptFailed = body
    }

    /// Listens on a host and port; call it on the loop, that is from an actor whose executor the loop is.
    ///
    /// Of a host name's addresses the first that can be bound is used. `SO_REUSEADDR` is set: a port whose former
    /// connections linger can be bound again, a port that somebody listens on cannot.
    ///
    /// - Parameters:
    ///   - endpoint: `host:port`; port 0 lets the system choose, see `localEndpoint`.
    ///   - loop: runs the listener and all its connections.
    ///   - configuration: for the connections that it accepts.
    ///   - accept: runs on the loop for each connection; it must start or close the connection, now or later.
    /// - Throws: `EventLoopError`.
    public static func bind(
        to endpoint: TCPEndpoint,
        on loop: EventLoop,
        configuration: TCPConfiguration = TCPConfiguration(),
        isolation: isolated (any Actor)? = #isolation,
        accept: @escaping (TCPConnection) -> Void
    ) async throws -> TCPListener {
        try await withCheckedThrowingContinuation(isolation: isolation) { continuation in
            bind(to: endpoint, on: loop, configuration: configuration, accept: accept) { result in
                continuation.resume(with: result)
            }
        }
    }

    /// As the asynchronous `bind`, with a completion that runs once on the loop, possibly before this returns.
    public static func bind(
        to endpoint: TCPEndpoint,
        on loop: EventLoop,
        configuration: TCPConfiguration = TCPConfiguration(),
        accept: @escaping (TCPConnection) -> Void,
        completion: @escaping (Result<TCPListener, EventLoopError>) -> Void
    ) {
        loop.requireOnLoop()
        let action = "listen on \(endpoint)"
        guard !loop.isStopping else { return completion(.failure(.stopped(action: action))) }
        _ = AddressLookup.start(endpoint, on: loop, action: action) { lookup in
            completion(
                lookup.flatMap { addresses in
                    guard !loop.isStopping else { return .failure(.stopped(action: action)) }
                    return listen(on: addresses, loop: loop, action: action, configuration, accept)
                }
            )
        }
    }

    /// Stops listening; connections that were accepted live on.
    public func close() {
        loop.requireOnLoop()
        guard let handle else { return }
        self.handle = nil
        accept = nil
        acceptFailed = nil
        discard(handle)
        loop.resources[ObjectIdentifier(self)] = nil
    }

    private static func listen(
        on addresses: [SocketAddress],
        loop: EventLoop,
        action: String,
        _ configuration: TCPConfiguration,
        _ accept: @escaping (TCPConnection) -> Void
    ) -> Result<TCPListener, EventLoopError> {
        var failure = EventLoopError(status: UV_EAI_NODATA.rawValue, action: action)
        for address in addresses {
            let handle = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
            var status = uv_tcp_init_ex(loop.uvLoop, handle, UInt32(address.family))
            guard status == 0 else {
                handle.deallocate()
                failure = EventLoopError(status: status, action: action)
                continue
            }
            TCPConnection.applyBufferSizes(configuration, to: handle)
            status = address.withAddress { uv_tcp_bind(handle, $0, 0) }
            if status == 0 {
                status = uv_listen(asStream(handle), configuration.backlog) { stream, status in
                    guard let context = stream?.pointee.data else { return }
                    Unmanaged<TCPListener>.fromOpaque(context).takeUnretainedValue().acceptNext(status)
                }
            }
            guard status == 0, let bound = SocketAddress(of: handle, side: .local) else {
                discard(handle)
                failure = EventLoopError(status: status, action: action)
                continue
            }
            let listener = TCPListener(
                loop: loop,
                handle: handle,
                localEndpoint: bound.endpoint,
                configuration: configuration,
                accept: accept
            )
            handle.pointee.data = Unmanaged.passUnretained(listener).toOpaque()
            loop.resources[ObjectIdentifier(listener)] = listener
            return .success(listener)
        }
        return .failure(failure)
    }

    private func acceptNext(_ status: Int32) {
        guard let handle, let accept else { return }
        var status = status
        if status == 0 {
            let accepted = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
            uv_tcp_init(loop.uvLoop, accepted)  // cannot fail: without a family it makes no socket
            status = uv_accept(asStream(handle), asStream(accepted))
            if status == 0 {
                return accept(TCPConnection(loop: loop, handle: accepted, configuration: configuration))
            }
            discard(accepted)
        }
        acceptFailed?(EventLoopError(status: status, action: "accept a connection on \(localEndpoint)"))
    }
}

extension TCPListener: LoopResource {
    func loopWillStop() { close() }
}
