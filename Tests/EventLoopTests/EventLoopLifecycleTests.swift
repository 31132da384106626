// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Glibc
import Testing

private actor Reporter {
    nonisolated let loop: EventLoop
    init(loop: EventLoop) { self.loop = loop }
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    func report() -> Int { 42 }
}

extension EventLoopSuites {
    @Suite struct EventLoopLifecycleTests {
        @Test func repeatedStartAndShutdownLeaksNoDescriptor() async throws {
            let cycles = 50
            let before = openDescriptors()
            for _ in 0..<cycles {
                try await withLoop { loop in
                    let (client, server) = try await connectedPair(on: loop)
                    try await loop.run {
                        client.start(receiver: ClosureReceiver()) { _ in }
                        server.start(receiver: ClosureReceiver()) { _ in }
                        client.send("hello")
                    }
                }
            }
            // Other suites of the process may open a few meanwhile; a leak would show once a cycle.
            #expect(openDescriptors() < before + cycles / 2)
        }

        @Test func shutdownEndsOpenConnectionsAndListeners() async throws {
            let loop = EventLoop(name: "stopping")
            try loop.start()
            let (client, server) = try await connectedPair(on: loop)
            let reasons = Shared<[String]>([])
            _ = try await listen(on: loop) { _ in }
            try await loop.run {
                for connection in [client, server] {
                    connection.start(receiver: ClosureReceiver()) { reason in reasons.update { $0.append(reason.kind) }
                    }
                }
                client.pauseReading()
                _ = loop.makeTimer {}
                loop.schedule(after: .seconds(1000)) {}
            }
            loop.shutdown()
            #expect(reasons.value == ["loopStopped", "loopStopped"])
        }

        @Test func shutdownLetsGoOfEverything() async throws {
            weak var connection: TCPConnection?
            weak var loop: EventLoop?
            do {
                let running = EventLoop(name: "released")
                try running.start()
                var configuration = TCPConfiguration()
                configuration.idleDeadline = .seconds(100)
                let pair = try await connectedPair(on: running, client: configuration)
                try await running.run {
                    pair.client.start(receiver: ClosureReceiver()) { [client = pair.client] _ in _ = client.loop }
                }
                running.shutdown()
                connection = pair.client
                loop = running
            }
            #expect(connection == nil)
            #expect(loop == nil)
        }

        @Test func jobsThatComeAfterTheEndStillRun() async throws {
            let loop = EventLoop(name: "late")
            try loop.start()
            let reporter = Reporter(loop: loop)
            #expect(await reporter.report() == 42)
            loop.shutdown()
            for _ in 0..<20 { #expect(await reporter.report() == 42) }
            await withTaskGroup { group in
                for _ in 0..<50 { group.addTask { #expect(await reporter.report() == 42) } }
            }
        }

        @Test func stoppedLoopRefusesSockets() async throws {
            let loop = EventLoop(name: "refusing")
            try loop.start()
            loop.shutdown()
            let fired = Shared(false)
            #expect(await errorCode { _ = try await listen(on: loop) { _ in } } == .loopStopped)
            let endpoint = try TCPEndpoint("127.0.0.1:9")
            #expect(await errorCode { _ = try await connect(to: endpoint, on: loop) } == .loopStopped)
            try await loop.run {
                loop.makeTimer { fired.update { $0 = true } }.arm(after: .zero)
            }
            #expect(!fired.value)
        }

        @Test func shutdownRunsWhatIsQueued() async throws {
            let loop = EventLoop(name: "draining")
            try loop.start()
            let count = Shared(0)
            for _ in 0..<10_000 { loop.execute { count.update { $0 += 1 } } }
            loop.shutdown()
            #expect(count.value == 10_000)
            loop.shutdown()
        }

        @Test func loopThatNeverStartedShutsDown() {
            let loop = EventLoop(name: "never")
            loop.shutdown()
        }

        @Test func pendingConnectionAttemptEndsWithTheLoop() async throws {
            let loop = EventLoop(name: "pending")
            try loop.start()
            let outcome = Eventually<EventLoopError.Code?>()
            let endpoint = try TCPEndpoint("name.invalid:7000")
            try await loop.run {
                TCPConnection.connect(to: endpoint, on: loop, timeout: .seconds(100)) { result in
                    if case .failure(let error) = result { outcome.fulfill(error.code) } else { outcome.fulfill(nil) }
                }
            }
            loop.shutdown()
            let code = await outcome.value
            // The resolver may have been faster.
            #expect(code == .loopStopped || code == .cannotResolve)
        }

        @Test func clockNeverRunsBackwards() async throws {
            try await withLoop { loop in
                try await loop.run {
                    let first = loop.now
                    let cached = loop.cachedNow
                    let second = loop.now
                    #expect(first <= second)
                    #expect(cached <= second)
                }
            }
        }
    }
}
