// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct TCPListenerTests {
        @Test(arguments: ["127.0.0.1:0", "[::1]:0", "localhost:0", "0.0.0.0:0"])
        func boundAddressIsReportedAndReachable(text: String) async throws {
            try await withLoop { loop in
                let accepted = Eventually<TCPConnection>()
                let listener = try await listen(on: loop, at: text) { accepted.fulfill($0) }
                #expect(listener.localEndpoint.port != 0)
                let client = try await connect(to: listener.localEndpoint, on: loop)
                let server = await accepted.value
                #expect(client.localEndpoint == server.peerEndpoint)
                #expect(client.peerEndpoint == server.localEndpoint)
                #expect(server.localEndpoint.port == listener.localEndpoint.port)
            }
        }

        @Test func takenPortIsReportedAndFreedByClose() async throws {
            try await withLoop { loop in
                let first = try await listen(on: loop) { _ in }
                let text = first.localEndpoint.description
                do {
                    _ = try await listen(on: loop, at: text) { _ in }
                    Issue.record("bound twice")
                } catch let error as EventLoopError {
                    #expect(error.code == .addressInUse)
                    #expect(error.message.contains(text))
                }
                try await loop.run { first.close() }
                let second = try await listen(on: loop, at: text) { _ in }
                #expect(second.localEndpoint == first.localEndpoint)
            }
        }

        @Test func foreignAddressIsRefused() async throws {
            try await withLoop { loop in
                let code = await errorCode { _ = try await listen(on: loop, at: "192.0.2.1:0") { _ in } }
                #expect(code == .addressUnavailable)
            }
        }

        @Test func unknownNameIsRefused() async throws {
            try await withLoop { loop in
                let code = await errorCode { _ = try await listen(on: loop, at: "name.invalid:0") { _ in } }
                #expect(code == .cannotResolve)
            }
        }

        @Test func acceptedConnectionsOutliveTheListener() async throws {
            try await withLoop { loop in
                let (client, server) = try await connectedPair(on: loop)
                let heard = Eventually<Int>()
                try await loop.run {
                    server.start(receiver: ClosureReceiver { heard.fulfill($0.count) }) { _ in }
                    client.send("still here")
                }
                #expect(await heard.value == 10)
            }
        }
    }
}
