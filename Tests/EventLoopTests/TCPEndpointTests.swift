// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Testing

extension EventLoopSuites {
    @Suite struct TCPEndpointTests {
        @Test(arguments: [
            ("127.0.0.1:7000", "127.0.0.1", UInt16(7000)), ("[::1]:0", "::1", 0),
            ("host.example:65535", "host.example", 65535),
            ("[fe80::1%lo]:80", "fe80::1%lo", 80),
        ])
        func wellFormedTextIsParsed(text: String, host: String, port: UInt16) throws {
            let endpoint = try TCPEndpoint(text)
            #expect(endpoint == TCPEndpoint(host: host, port: port))
            #expect(endpoint.description == text)
        }

        @Test(arguments: [
            "", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:+1", "host:8 0", "::1:80", "[::1]",
            "[::1]80", "[]:80",
            "[host]:80", "ho st:80", "host\u{0}:80", "[::1:80", String(repeating: "a", count: 256) + ":1",
        ])
        func malformedTextIsRefused(text: String) {
            do {
                _ = try TCPEndpoint(text)
                Issue.record("accepted \(text)")
            } catch let error as EventLoopError {
                #expect(error.code == .invalidEndpoint)
                #expect(error.message.count < 300)
            } catch {
                Issue.record("unexpected \(error)")
            }
        }
    }
}
