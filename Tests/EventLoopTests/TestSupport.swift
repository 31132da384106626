// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Glibc
import Testing

/// All suites of this module: they run one after the other because some of them count threads and descriptors.
@Suite(.serialized, .timeLimit(.minutes(2)))
enum EventLoopSuites {}

/// Runs `body` with a running loop and shuts the loop down after it.
@discardableResult
func withLoop<Value: Sendable>(_ body: (EventLoop) async throws -> Value) async throws -> Value {
    let loop = EventLoop(name: "test-loop")
    try loop.start()
    let result: Result<Value, any Error>
    do { result = .success(try await body(loop)) } catch { result = .failure(error) }
    loop.shutdown()
    return try result.get()
}

/// A value that is set once and can be awaited.
final class Eventually<Value: Sendable>: @unchecked Sendable {
    // Sendable: the lock guards both members.
    private let lock = Lock()
    private var result: Value?
    private var waiters: [CheckedContinuation<Value, Never>] = []

    func fulfill(_ value: Value) {
        let waiting = lock.withLock { () -> [CheckedContinuation<Value, Never>] in
            #expect(result == nil, "fulfilled twice")
            result = value
            defer { waiters = [] }
            return waiters
        }
        for waiter in waiting { waiter.resume(returning: value) }
    }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let known = lock.withLock { () -> Value? in
                    if result == nil { waiters.append(continuation) }
                    return result
                }
                if let known { continuation.resume(returning: known) }
            }
        }
    }

    var isFulfilled: Bool { lock.withLock { result != nil } }
}

/// A variable behind a lock.
final class Shared<Value: Sendable>: @unchecked Sendable {
    // Sendable: the lock guards the value.
    private let lock = Lock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value { lock.withLock { stored } }

    @discardableResult
    func update<Output>(_ body: (inout Value) -> Output) -> Output { lock.withLock { body(&stored) } }
}

/// Endless, easily checked content: byte n of the stream is a fixed function of n modulo a prime.
final class Pattern: @unchecked Sendable {
    // Sendable: the memory is written in the initializer only.
    static let shared = Pattern()
    static let period = 65_521
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: (2 << 20) + period, alignment: 64)

    private init() {
        for index in 0..<Self.period { memory[index] = UInt8(truncatingIfNeeded: index &* 31 &+ (index >> 8)) }
        var filled = Self.period
        while filled < memory.count {
            let count = min(Self.period, memory.count - filled)
            memory[filled..<filled + count].copyBytes(from: memory[0..<count])
            filled += count
        }
    }

    func bytes(at offset: Int, count: Int) -> UnsafeRawBufferPointer {
        let start = offset % Self.period
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[start..<start + count])
    }

    func matches(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        guard let base = bytes.baseAddress, let wanted = self.bytes(at: offset, count: bytes.count).baseAddress
        else { return bytes.isEmpty }
        return memcmp(base, wanted, bytes.count) == 0
    }
}

struct Refusal: Error {}

/// Checks that the pattern arrives; reports when `expected` bytes have.
final class PatternReceiver: StreamReceiver {
    private(set) var count = 0
    private let expected: Int
    private let own: UnsafeMutableRawBufferPointer?
    private let done: () -> Void

    init(expected: Int, ownBufferBytes: Int = 0, done: @escaping () -> Void = {}) {
        self.expected = expected
        self.done = done
        own = ownBufferBytes > 0 ? .allocate(byteCount: ownBufferBytes, alignment: 64) : nil
    }

    deinit { own?.deallocate() }

    func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer { own ?? slab }

    func received(_ bytes: UnsafeRawBufferPointer) throws {
        guard Pattern.shared.matches(bytes, at: count) else { throw Refusal() }
        count += bytes.count
        if count == expected { done() }
    }
}

/// Passes what arrives to a closure.
final class ClosureReceiver: StreamReceiver {
    private let body: (UnsafeRawBufferPointer) throws -> Void

    init(_ body: @escaping (UnsafeRawBufferPointer) throws -> Void = { _ in }) { self.body = body }

    func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer { slab }
    func received(_ bytes: UnsafeRawBufferPointer) throws { try body(bytes) }
}

/// Sends `total` bytes of the pattern, each piece when the connection asks for it.
final class PatternSender: @unchecked Sendable {
    // Sendable: used on the loop only.
    private let connection: TCPConnection
    private let total: Int
    private(set) var offset = 0
    private(set) var mostQueued = 0

    init(_ connection: TCPConnection, total: Int) {
        self.connection = connection
        self.total = total
    }

    func pump() {
        while offset < total {
            let header = Pattern.shared.bytes(at: offset, count: min(13, total - offset))
            let rest = min(256 << 10, total - offset - header.count)
            let payload = Pattern.shared.bytes(at: offset + header.count, count: rest)
            offset += header.count + rest
            let goesOn = connection.write(header: header, payload: OutboundBytes(payload, owner: Pattern.shared))
            mostQueued = max(mostQueued, connection.queuedBytes)
            if !goesOn { return }
        }
    }
}

func listen(
    on loop: EventLoop,
    at endpoint: String = "127.0.0.1:0",
    configuration: TCPConfiguration = TCPConfiguration(),
    accept: @escaping @Sendable (TCPConnection) -> Void
) async throws -> TCPListener {
    let endpoint = try TCPEndpoint(endpoint)
    let result = Eventually<Result<TCPListener, EventLoopError>>()
    loop.execute {
        TCPListener.bind(to: endpoint, on: loop, configuration: configuration, accept: accept) { result.fulfill($0) }
    }
    return try await result.value.get()
}

func connect(
    to endpoint: TCPEndpoint,
    on loop: EventLoop,
    configuration: TCPConfiguration = TCPConfiguration(),
    timeout: Duration = .seconds(30)
) async throws -> TCPConnection {
    let result = Eventually<Result<TCPConnection, EventLoopError>>()
    loop.execute {
        TCPConnection.connect(to: endpoint, on: loop, configuration: configuration, timeout: timeout) {
            result.fulfill($0)
        }
    }
    return try await result.value.get()
}

/// A connected pair on one loop; neither side is started.
func connectedPair(
    on loop: EventLoop,
    client clientConfiguration: TCPConfiguration = TCPConfiguration(),
    server serverConfiguration: TCPConfiguration = TCPConfiguration()
) async throws -> (client: TCPConnection, server: TCPConnection) {
    let accepted = Eventually<TCPConnection>()
    let listener = try await listen(on: loop, configuration: serverConfiguration) { accepted.fulfill($0) }
    let client = try await connect(to: listener.localEndpoint, on: loop, configuration: clientConfiguration)
    let server = await accepted.value
    loop.execute { listener.close() }
    return (client, server)
}

extension TCPConnection {
    func send(_ text: String) {
        Array(text.utf8).withUnsafeBytes { _ = write(borrowing: $0) }
    }
}

extension CloseReason {
    /// The case alone, to compare.
    var kind: String {
        switch self {
        case .local: "local"
        case .flushDeadline: "flushDeadline"
        case .peerClosed: "peerClosed"
        case .reset: "reset"
        case .idleDeadline: "idleDeadline"
        case .progressDeadline: "progressDeadline"
        case .writeLimit: "writeLimit"
        case .receiver: "receiver"
        case .loopStopped: "loopStopped"
        case .failed: "failed"
        }
    }
}

func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var target = [UInt8](repeating: 0, count: 64)
        let length = target.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return -1 }
            return readlink("/proc/self/fd/\(name)", base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        // Only what loops open: other tests of this process open files, pipes and sockets at the same time.
        if length > 0, String(decoding: target[..<length], as: UTF8.self).hasPrefix("anon_inode:") { count += 1 }
    }
    return count
}

/// The code of the `EventLoopError` that `body` throws.
func errorCode(_ body: () async throws -> Void) async -> EventLoopError.Code? {
    do { try await body() } catch let error as EventLoopError { return error.code } catch {}
    return nil
}
