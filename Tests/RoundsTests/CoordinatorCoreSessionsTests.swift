// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct CoordinatorCoreSessionsTests {
    @Test(arguments: [(1, 1, true), (1, 9, true), (0, 1, true), (2, 9, false), (0, 0, false), (5, 1, false)])
    func helloIsAcceptedWhereAVersionIsCommon(oldest: UInt32, newest: UInt32, isAccepted: Bool) {
        var driver = CoordinatorDriver()
        driver.open(1)
        driver.say(.hello(Hello(oldestVersion: oldest, newestVersion: newest, agent: "a")), on: 1)
        if isAccepted {
            guard case .welcome(let welcome)? = driver.messages(on: 1).first else {
                Issue.record("no welcome")
                return
            }
            #expect(welcome.version == 1)
        } else {
            #expect(driver.goodbye(on: 1)?.reason == .unsupportedVersion)
            #expect(driver.goodbye(on: 1)?.message.contains("1 to 1") == true, "the range is named")
            #expect(driver.core.connectionCount == 0)
        }
    }

    @Test(arguments: ["", "a b", "ä", "a/b", "a\n", String(repeating: "x", count: 129)])
    func agentsWithNamesThatAreNotAllowedAreRefused(_ name: String) {
        var driver = CoordinatorDriver()
        driver.open(1)
        driver.say(.hello(Hello(agent: name)), on: 1)
        #expect(driver.goodbye(on: 1)?.reason == .invalidAgent)
    }

    @Test func aNewerConnectionReplacesTheOlder() {
        let all = agents(2)
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all)
        driver.clear()
        driver.connect(all[0], on: 7)
        #expect(driver.goodbye(on: 1)?.reason == .replaced)
        #expect(driver.tasks(on: 7).map(\.key) == [driver.key(all[0])])
        // The old connection's end says nothing about the agent any more.
        driver.give(.closed(ConnectionID(1), "closed"))
        driver.clear()
        driver.upload(all[0], on: 7)
        #expect(driver.verdicts(on: 7).map(\.isAccepted) == [true])
    }

    @Test(arguments: [0, 1, 2, 3])
    func messagesThatDoNotBelongEndTheConnection(_ number: Int) {
        let agent = agents(1)[0]
        var driver = CoordinatorDriver()
        driver.open(1)
        switch number {
        case 0: driver.say(.heartbeat, on: 1)
        case 1:
            driver.say(.hello(Hello(agent: "a")), on: 1)
            driver.say(.hello(Hello(agent: "a")), on: 1)
        case 2:
            driver.say(.hello(Hello(agent: "a")), on: 1)
            driver.say(.operatorRequest(.list), on: 1)
        default:
            driver.say(.hello(Hello(role: .operator)), on: 1)
            driver.offer(agent, on: 1)
        }
        #expect(driver.goodbye(on: 1)?.reason == .protocolViolation)
        #expect(driver.core.connectionCount == 0)
    }

    @Test func malformedBytesEndTheConnectionWithTheirReason() {
        var driver = CoordinatorDriver()
        driver.open(1)
        driver.give(.malformed(ConnectionID(1), .limitExceeded, "a frame of 4 GiB"))
        #expect(driver.goodbye(on: 1) == Goodbye(.limitExceeded, "a frame of 4 GiB"))
        driver.say(.heartbeat, on: 1)
        #expect(driver.messages(on: 1).isEmpty, "what comes after the end is dropped")
    }

    @Test func aConnectionMustSayHelloInTime() {
        var driver = CoordinatorDriver()
        driver.open(1)
        #expect(driver.core.nextDeadline <= Instant(.seconds(10)))
        driver.wait(.seconds(9))
        #expect(driver.goodbye(on: 1) == nil)
        driver.wait(.seconds(1))
        #expect(driver.goodbye(on: 1)?.reason == .silent)
    }

    @Test func aSilentAgentIsDroppedAndAHeartbeatKeepsIt() {
        let all = agents(2)
        var driver = CoordinatorDriver()
        driver.connect(all[0], on: 1)
        driver.connect(all[1], on: 2)
        for _ in 0..<5 {
            driver.wait(.seconds(15))
            driver.say(.heartbeat, on: 2)
        }
        #expect(driver.goodbye(on: 1)?.reason == .silent)
        #expect(driver.goodbye(on: 2) == nil)
        #expect(driver.messages(on: 2).count { if case .heartbeat = $0 { true } else { false } } == 5)
    }

    @Test func lostAgentFailsInItsRoundAfterItsGraceOnly() {
        let all = agents(2)
        let policy = RoundPolicy(quorum: 0.5)
        var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 1, round: policy), agents: all)
        driver.upload(all[1], on: 2)
        driver.give(.closed(ConnectionID(1), "reset"))
        driver.wait(.seconds(29))
        #expect(driver.folds.isEmpty)
        driver.wait(.seconds(1))
        #expect(driver.folds.first?.map(\.key.agent) == [all[1]])
    }

    @Test func shutdownSaysGoodbyeToAllAndTakesNobodyIn() {
        let all = agents(2)
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all)
        driver.give(.shutdown)
        for connection in [1, 2, 99] as [UInt64] { #expect(driver.goodbye(on: connection)?.reason == .shuttingDown) }
        #expect(driver.goodbye(on: 1)?.retryAfter != nil)
        driver.open(5)
        #expect(driver.goodbye(on: 5)?.reason == .shuttingDown)
        #expect(driver.core.connectionCount == 0)
    }
}
