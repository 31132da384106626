// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Glibc
import Testing

/// Uses the asynchronous calls the way a shell does.
private actor Shell {
    nonisolated let loop: EventLoop
    private var accepted: [TCPConnection] = []
    private var text = ""
    private var ended: CloseReason?

    init(loop: EventLoop) { self.loop = loop }
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func listen() async throws -> TCPListener {
        try await TCPListener.bind(to: TCPEndpoint("127.0.0.1:0"), on: loop) { self.accept($0) }
    }

    private func accept(_ connection: TCPConnection) {
        accepted.append(connection)
        connection.start(
            receiver: ClosureReceiver { self.text += String(decoding: $0, as: UTF8.self) },
            onClose: { self.ended = $0 }
        )
    }

    func connect(to endpoint: TCPEndpoint, timeout: Duration = .seconds(30)) async throws -> TCPConnection {
        try await TCPConnection.connect(to: endpoint, on: loop, timeout: timeout)
    }

    func sayAndClose(_ words: String, to endpoint: TCPEndpoint, closed: Eventually<String>) async throws {
        let connection = try await connect(to: endpoint)
        connection.start(receiver: ClosureReceiver()) { closed.fulfill($0.kind) }
        connection.send(words)
        connection.close(within: .seconds(30))
    }

    var heard: (text: String, reason: String?) { (text, ended?.kind) }
}

extension EventLoopSuites {
    @Suite struct TCPConnectionConnectTests {
        @Test func actorUsesConnectionsWithoutHops() async throws {
            try await withLoop { loop in
                let shell = Shell(loop: loop)
                let listener = try await shell.listen()
                let closed = Eventually<String>()
                try await shell.sayAndClose("good day", to: listener.localEndpoint, closed: closed)
                #expect(await closed.value == "local")
                let (text, reason) = await shell.heard
                #expect(text == "good day")
                #expect(reason == "peerClosed")
            }
        }

        @Test func refusedConnectionIsReported() async throws {
            try await withLoop { loop in
                let listener = try await listen(on: loop) { _ in }
                try await loop.run { listener.close() }
                do {
                    _ = try await connect(to: listener.localEndpoint, on: loop)
                    Issue.record("connected to nobody")
                } catch let error as EventLoopError {
                    #expect(error.code == .connectionRefused)
                    #expect(error.message.contains(listener.localEndpoint.description))
                }
            }
        }

        @Test func unknownNameIsReported() async throws {
            try await withLoop { loop in
                let endpoint = try TCPEndpoint("name.invalid:7000")
                #expect(await errorCode { _ = try await connect(to: endpoint, on: loop) } == .cannotResolve)
            }
        }

        @Test func silentServerIsGivenUpInTime() async throws {
            try await withSilentServer { loop, endpoint in
                // The first ones fill the kernel's queue; later ones get no answer.
                var code: EventLoopError.Code?
                for _ in 0..<8 where code == nil {
                    code = await errorCode {
                        _ = try await connect(to: endpoint, on: loop, timeout: .milliseconds(300))
                    }
                }
                #expect(code == .connectTimeout)
            }
        }

        @Test func cancelledTaskStopsItsAttempt() async throws {
            try await withSilentServer { loop, endpoint in
                let shell = Shell(loop: loop)
                var code: EventLoopError.Code?
                for _ in 0..<8 where code == nil {
                    let task = Task { try await shell.connect(to: endpoint) }
                    try await Task.sleep(for: .milliseconds(100))
                    task.cancel()
                    code = await errorCode { _ = try await task.value }
                }
                #expect(code == .cancelled)
            }
        }

        /// A server whose loop is stuck, so that it never accepts.
        private func withSilentServer(_ body: (EventLoop, TCPEndpoint) async throws -> Void) async throws {
            try await withLoop { loop in
                let stuck = EventLoop(name: "stuck")
                try stuck.start()
                var configuration = TCPConfiguration()
                configuration.backlog = 1
                let listener = try await listen(on: stuck, configuration: configuration) { $0.abort() }
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                let (readEnd, writeEnd) = (ends[0], ends[1])
                stuck.execute {
                    var byte: UInt8 = 0
                    _ = read(readEnd, &byte, 1)
                }
                let result: Result<Void, any Error>
                do { result = .success(try await body(loop, listener.localEndpoint)) } catch {
                    result = .failure(error)
                }
                close(writeEnd)
                stuck.shutdown()
                close(readEnd)
                try result.get()
            }
        }
    }
}
