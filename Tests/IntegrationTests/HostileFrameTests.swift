// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Peers that do not keep to the protocol lose their connection, with a reason, and disturb nobody.
@Suite(.fewAtATime)
struct HostileFrameTests {
    private static let protocolViolation: UInt64 = 3
    private static let limitExceeded: UInt64 = 4
    private static let unsupportedVersion: UInt64 = 2
    private static let invalidAgent: UInt64 = 5
    private static let silent: UInt64 = 7

    /// What is sent right after connecting, and the reason that comes back.
    struct Attack: Sendable, CustomTestStringConvertible {
        let what: String
        let bytes: [UInt8]
        let reason: UInt64

        var testDescription: String { what }
    }

    static let attacks = [
        Attack(what: "a length of zero", bytes: [0, 0, 0, 0], reason: protocolViolation),
        Attack(what: "the largest length", bytes: [0xFF, 0xFF, 0xFF, 0xFF], reason: limitExceeded),
        Attack(what: "a length past the hello's limit", bytes: WireFrame.length(65_537), reason: limitExceeded),
        Attack(
            what: "bytes that are no message",
            bytes: WireFrame.length(6) + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            reason: protocolViolation
        ),
        Attack(
            what: "a message of the other direction",
            bytes: WireFrame.bytes(WireFrame.welcome, WireFrame.field(1, 1) + WireFrame.field(6, 4_096)),
            reason: protocolViolation
        ),
        Attack(what: "a heartbeat before the hello", bytes: WireFrame.bytes(1, []), reason: protocolViolation),
        Attack(
            what: "an offer before the hello",
            bytes: WireFrame.bytes(13, WireFrame.field(1, WireFrame.field(1, 1))),
            reason: protocolViolation
        ),
        Attack(
            what: "two hellos",
            bytes: WireFrame.helloBytes(agent: "twice") + WireFrame.helloBytes(agent: "twice"),
            reason: protocolViolation
        ),
        Attack(
            what: "a version of tomorrow",
            bytes: WireFrame.helloBytes(agent: "newer", oldest: 98, newest: 99),
            reason: unsupportedVersion
        ),
        Attack(what: "a name that is none", bytes: WireFrame.helloBytes(agent: "a/../b"), reason: invalidAgent),
        Attack(
            what: "an HTTP request",
            bytes: Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
            reason: limitExceeded
        ),
    ]

    @Test func everyAttackEndsItsConnectionWithAReason() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            for attack in Self.attacks {
                let socket = try RawSocket(to: cluster.port)
                socket.send(attack.bytes)
                let last = try await socket.framesUntilEnd().last
                #expect(last?.body == WireFrame.goodbye, "\(attack.what)")
                #expect(last?.number(1) == attack.reason, "\(attack.what): \(last?.text(2) ?? "")")
                #expect(last?.text(2)?.isEmpty == false, "\(attack.what)")
            }
            #expect(cluster.coordinator.isRunning)
        }
    }

    @Test func anUnsupportedVersionIsToldTheSupportedRange() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let socket = try RawSocket(to: cluster.port)
            socket.send(WireFrame.helloBytes(agent: "newer", oldest: 98, newest: 99))
            let goodbye = try #require(try await socket.framesUntilEnd().last)
            let text = try #require(goodbye.text(2))
            #expect(text.contains("1 to 1") && text.contains("98 to 99"))
            // A peer that speaks more than this coordinator is welcome with what both speak.
            let newer = try RawSocket(to: cluster.port)
            newer.send(WireFrame.helloBytes(agent: "newer", oldest: 1, newest: 99))
            let welcome = try #require(try await newer.frames(1).first)
            #expect(welcome.body == WireFrame.welcome)
            #expect(welcome.number(1) == 1)
        }
    }

    @Test func unknownFieldsAndMessagesAreIgnored() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let socket = try RawSocket(to: cluster.port)
            let hello = WireFrame.field(1, 1) + WireFrame.field(2, 1) + WireFrame.field(3, 1)
            let name = WireFrame.field(4, Array("later".utf8)) + WireFrame.field(900, [1, 2, 3])
            socket.send(WireFrame.bytes(WireFrame.hello, hello + name))
            socket.send(WireFrame.bytes(39, [1, 2, 3]))
            socket.send(WireFrame.bytes(1, []))
            let frames = try await socket.frames(2)
            #expect(frames.map(\.body) == [WireFrame.welcome, 1], "the heartbeat is answered")
        }
    }

    @Test func silenceBeforeTheHelloEndsTheConnection() async throws {
        try await LocalCluster.with { cluster in
            cluster.configuration += "hello_limit: 1s\n"
            try await cluster.startCoordinator()
            // Nothing at all, half a length word, and a hello that comes byte by byte for ever.
            let silent = try RawSocket(to: cluster.port)
            let half = try RawSocket(to: cluster.port)
            half.send([10, 0])
            let slow = try RawSocket(to: cluster.port)
            slow.send(WireFrame.length(60_000))
            try await eventually("the slow connection ends") {
                slow.send([0x52])
                slow.poll()
                return slow.isEnded
            }
            for socket in [silent, half, slow] {
                let goodbye = try await socket.framesUntilEnd().last
                // A connection on which bytes were unread is reset: its goodbye may be lost on the way.
                if socket !== slow { #expect(goodbye?.number(1) == Self.silent) }
            }
            #expect(cluster.coordinator.isRunning)
        }
    }

    @Test func aFrameThatIsCutShortDisturbsNobody() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let hello = WireFrame.helloBytes(agent: "cut")
            for count in 1..<hello.count {
                let socket = try RawSocket(to: cluster.port)
                socket.send(Array(hello.prefix(count)))
                socket.close()
            }
            let whole = try RawSocket(to: cluster.port)
            whole.send(hello)
            #expect(try await whole.frames(1).first?.body == WireFrame.welcome)
        }
    }

    @Test func aHealthyJobGoesOnAmongHundredsOfHostileConnections() async throws {
        let job = TestJob(name: "among-enemies", rounds: 30, agents: 3)
        let vectors = try Self.vectorFrames()
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: job)
            cluster.configuration += "hello_limit: 1s\n"
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            // Half of them say hello first, as operators: an agent that says hello is asked to train.
            var dice = Dice(seed: 77)
            var sockets: [RawSocket] = []
            for number in 0..<200 {
                if number == 20 { try cluster.startAgents(of: job) }
                let socket = try RawSocket(to: cluster.port)
                let isGreeted = number % 2 == 0
                if isGreeted { socket.send(WireFrame.helloBytes(agent: nil)) }
                switch number % 5 {
                case 0: socket.send(dice.bytes(Int.random(in: 1...5_000, using: &dice)))
                case 1: socket.send(WireFrame.length(UInt32.random(in: 1...60_000, using: &dice)) + dice.bytes(50))
                case 2: socket.send(vectors.randomElement(using: &dice) ?? [])
                case 3:
                    var damaged = vectors.randomElement(using: &dice) ?? [0]
                    damaged[Int.random(in: 4..<max(damaged.count, 5), using: &dice)] ^=
                        1 << UInt8.random(in: 0...7, using: &dice)
                    socket.send(damaged)
                default: break
                }
                sockets.append(socket)
            }
            for socket in sockets.prefix(100) { socket.close() }
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 3 * job.rounds)
            for socket in sockets { socket.close() }
            #expect(cluster.coordinator.isRunning)
            #expect(cluster.agents.values.allSatisfy { $0.isRunning })
        }
    }

    /// The frames of the protocol's vectors, sound and refused ones.
    private static func vectorFrames() throws -> [[UInt8]] {
        let file = Program.testsFolder.deletingLastPathComponent()
            .appendingPathComponent("Protocols/vectors/messages.json")
        let vectors = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8))
        let entries = ["messages", "equivalents", "refused", "ignored"].flatMap { vectors[$0]?.list ?? [] }
        let frames = entries.compactMap { $0["hex"]?.text }.map { digits -> [UInt8] in
            let characters = Array(digits.utf8)
            return stride(from: 0, to: characters.count - 1, by: 2).compactMap {
                UInt8(String(decoding: characters[$0...$0 + 1], as: UTF8.self), radix: 16)
            }
        }
        try #require(frames.count > 20)
        // Without an operator's requests: they would be obeyed.
        return frames.filter { $0.count > 4 && (try? WireFrame.parse($0).first?.body) != WireFrame.operatorRequest }
    }
}
