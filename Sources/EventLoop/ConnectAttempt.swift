// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

/// Tries the addresses of a host one after the other until one answers or the time is up.
final class ConnectAttempt: @unchecked Sendable {
    // Sendable: it is touched on the loop only; a cancelled task sends its wish there.
    typealias Completion = (Result<TCPConnection, EventLoopError>) -> Void

    let loop: EventLoop
    private let action: String
    private let configuration: TCPConfiguration
    private var completion: Completion?
    private var lookup: AddressLookup?
    private var addresses: ArraySlice<SocketAddress> = []
    private var handle: UnsafeMutablePointer<uv_tcp_t>?
    private var timer: LoopTimer?

    init(
        to endpoint: TCPEndpoint,
        on loop: EventLoop,
        configuration: TCPConfiguration,
        timeout: Duration,
        completion: @escaping Completion
    ) {
        loop.requireOnLoop()
        self.loop = loop
        self.configuration = configuration
        self.completion = completion
        action = "connect to \(endpoint)"
        loop.resources[ObjectIdentifier(self)] = self
        if loop.isStopping {
            loopWillStop()
            return
        }
        timer = loop.schedule(after: timeout) { [weak self] in self?.timeIsUp() }
        lookup = AddressLookup.start(endpoint, on: loop, action: action) { [weak self] result in
            self?.resolved(result)
        }
    }

    func cancel() {
        finish(.failure(EventLoopError(status: UV_ECANCELED.rawValue, action: action)))
    }

    private func timeIsUp() {
        finish(.failure(EventLoopError(status: UV_ETIMEDOUT.rawValue, action: action)))
    }

    private func resolved(_ result: Result<[SocketAddress], EventLoopError>) {
        guard completion != nil else { return }
        lookup = nil
        switch result {
        case .success(let found):
            addresses = found[...]
            tryNext(after: UV_EAI_NODATA.rawValue)
        case .failure(let error):
            finish(.failure(error))
        }
    }

    private func tryNext(after failure: Int32) {
        var failure = failure
        while let address = addresses.popFirst() {
            let handle = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
            failure = uv_tcp_init_ex(loop.uvLoop, handle, UInt32(address.family))
            guard failure == 0 else {
                handle.deallocate()
                continue
            }
            TCPConnection.applyBufferSizes(configuration, to: handle)
            failure = startConnect(handle, address)
            if failure == 0 {
                self.handle = handle
                return
            }
            discard(handle)
        }
        finish(.failure(EventLoopError(status: failure, action: action)))
    }

    private func startConnect(_ handle: UnsafeMutablePointer<uv_tcp_t>, _ address: SocketAddress) -> Int32 {
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        let context = Unmanaged.passRetained(self)
        request.pointee.data = context.toOpaque()
        let status = address.withAddress { address in
            uv_tcp_connect(request, handle, address) { request, status in
                guard let request, let context = request.pointee.data else { return }
                request.deallocate()
                Unmanaged<ConnectAttempt>.fromOpaque(context).takeRetainedValue().connected(status)
            }
        }
        if status != 0 {
            request.deallocate()
            context.release()
        }
        return status
    }

    private func connected(_ status: Int32) {
        // A handle that was given up reports back too, as cancelled; by then `handle` is nil.
        guard let handle, status != UV_ECANCELED.rawValue else { return }
        self.handle = nil
        if status == 0 {
            finish(.success(TCPConnection(loop: loop, handle: handle, configuration: configuration)))
        } else {
            discard(handle)
            tryNext(after: status)
        }
    }

    private func finish(_ result: Result<TCPConnection, EventLoopError>) {
        guard let completion else { return }
        self.completion = nil
        timer?.cancel()
        timer = nil
        lookup?.cancel()
        lookup = nil
        if let handle { discard(handle) }
        handle = nil
        loop.resources[ObjectIdentifier(self)] = nil
        completion(result)
    }
}

extension ConnectAttempt: LoopResource {
    func loopWillStop() { finish(.failure(.stopped(action: action))) }
}
