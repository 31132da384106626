// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc

/// Turns an endpoint into addresses: at once if it is numeric, else by the system's resolver on a libuv thread.
final class AddressLookup {
    typealias Completion = (Result<[SocketAddress], EventLoopError>) -> Void

    private let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    private let action: String
    private var completion: Completion?

    private init(action: String, completion: @escaping Completion) {
        self.action = action
        self.completion = completion
    }

    deinit { request.deallocate() }

    /// Calls `completion` once on the loop, possibly before this returns.
    ///
    /// - Parameter action: what the addresses are for, for the error's message.
    /// - Returns: the lookup if it goes on, so that it can be cancelled.
    static func start(
        _ endpoint: TCPEndpoint,
        on loop: EventLoop,
        action: String,
        completion: @escaping Completion
    ) -> AddressLookup? {
        if let address = SocketAddress(numeric: endpoint) {
            completion(.success([address]))
            return nil
        }
        let lookup = AddressLookup(action: action, completion: completion)
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        lookup.request.pointee.data = Unmanaged.passRetained(lookup).toOpaque()
        let status = uv_getaddrinfo(
            loop.uvLoop,
            lookup.request,
            { request, status, list in
                defer { uv_freeaddrinfo(list) }
                guard let context = request?.pointee.data else { return }
                Unmanaged<AddressLookup>.fromOpaque(context).takeRetainedValue().finish(status, list)
            },
            endpoint.host,
            String(endpoint.port),
            &hints
        )
        if status != 0 {
            Unmanaged.passUnretained(lookup).release()
            completion(.failure(EventLoopError(status: status, action: action)))
            return nil
        }
        return lookup
    }

    /// Lets go of the completion, which is not called any more.
    func cancel() {
        guard completion != nil else { return }
        completion = nil
        // Has no effect on a lookup that a thread already works on; that one's result is then ignored.
        uv_cancel(UnsafeMutableRawPointer(request).assumingMemoryBound(to: uv_req_t.self))
    }

    private func finish(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
        guard let completion else { return }
        self.completion = nil
        guard status == 0 else { return completion(.failure(EventLoopError(status: status, action: action))) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr, let copy = SocketAddress(copying: address) {
                addresses.append(copy)
            }
            next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else {
            return completion(.failure(EventLoopError(status: UV_EAI_NODATA.rawValue, action: action)))
        }
        completion(.success(addresses))
    }
}
