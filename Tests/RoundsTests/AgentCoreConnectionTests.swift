// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct AgentCoreConnectionTests {
    /// The pauses between attempts that all fail.
    func pauses(_ count: Int, longest: Duration, seed: UInt64) -> [Duration] {
        var driver = AgentDriver(patience: nil, longestPause: longest, seed: seed)
        driver.give(.start)
        return (0..<count).map { _ in
            driver.give(.connectFailed("refused"))
            let begun = driver.now
            driver.waitForDeadline()
            return begun.duration(to: driver.now)
        }
    }

    @Test func backOffGrowsHasJitterAndIsBounded() {
        let runs = (1...40).map { pauses(14, longest: .seconds(15), seed: $0) }
        #expect(runs.joined().allSatisfy { $0 >= .milliseconds(50) && $0 <= .seconds(15) })
        #expect(Set(runs.map { $0[5] }).count == 40, "agents that failed together do not come back together")
        func mean(_ index: Int) -> Duration { runs.map { $0[index] }.reduce(.zero, +) / 40 }
        #expect(mean(3) > mean(0) * 2 && mean(6) > mean(3) * 2)
        #expect(mean(12) > .seconds(5) && mean(12) < .seconds(10), "half of the longest pause")
        #expect(pauses(14, longest: .seconds(15), seed: 3) == runs[2])
    }

    @Test func patienceEndsTheFirstConnectionOnly() {
        var driver = AgentDriver(patience: .seconds(30))
        driver.give(.start)
        while driver.now < Instant(.seconds(30)) {
            #expect(driver.stops.isEmpty)
            driver.give(.connectFailed("refused"))
            driver.waitForDeadline()
        }
        driver.give(.connectFailed("refused"))
        #expect(driver.stops == [.unreachable("refused")])
        #expect(driver.core.nextDeadline == nil)

        var known = AgentDriver.online()
        known.give(.disconnected("reset"))
        for _ in 0..<100 {
            known.waitForDeadline()
            known.give(.connectFailed("refused"))
        }
        #expect(known.now > Instant(.seconds(60)) && known.stops.isEmpty)
    }

    @Test func aConnectionThatIsNotWelcomedInTimeIsGivenUp() {
        var driver = AgentDriver()
        driver.give(.start)
        driver.give(.connected)
        driver.wait(.seconds(9))
        #expect(driver.connects == 1)
        driver.wait(.seconds(1))
        driver.waitForDeadline()
        #expect(driver.connects == 2)
    }

    @Test func comesBackInsideTheWindowOfTheCoordinator() {
        for seed in UInt64(1)...20 {
            var driver = AgentDriver(seed: seed)
            driver.give(.start)
            driver.give(.connected)
            driver.hear(.welcome(Welcome(reconnectEarliest: .seconds(3), reconnectLatest: .seconds(5))))
            driver.give(.disconnected("reset"))
            let pause = driver.now.duration(to: driver.core.nextDeadline ?? .start)
            #expect(pause >= .seconds(3) && pause <= .seconds(5))
        }
    }

    @Test func retryAfterIsHonouredAndSpread() {
        var driver = AgentDriver.online()
        driver.hear(.goodbye(Goodbye(.shuttingDown, "", retryAfter: .seconds(10))))
        let pause = driver.now.duration(to: driver.core.nextDeadline ?? .start)
        #expect(pause >= .seconds(10) && pause <= .seconds(20))
    }

    @Test(arguments: [ReasonCode.unsupportedVersion, .invalidAgent, .replaced])
    func someGoodbyesEndTheAgent(_ reason: ReasonCode) {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.hear(.goodbye(Goodbye(reason, "why")))
        #expect(driver.stops == [.refused(reason, "why")])
        #expect(driver.aborts == [AgentDriver.key()])
        driver.give(.start)
        driver.wait(.seconds(1_000))
        #expect(driver.connects == 1, "it never comes back")
    }

    @Test(arguments: [ReasonCode.shuttingDown, .protocolViolation, .silent, .overloaded, .unknownBlob])
    func otherGoodbyesDoNot(_ reason: ReasonCode) {
        var driver = AgentDriver.online()
        driver.hear(.goodbye(Goodbye(reason, "why")))
        driver.waitForDeadline()
        #expect(driver.stops.isEmpty && driver.connects == 2)
    }

    @Test func aVersionThatTheAgentDoesNotSpeakEndsIt() {
        var driver = AgentDriver()
        driver.give(.start)
        driver.give(.connected)
        driver.hear(.welcome(Welcome(version: 2)))
        guard case .refused(.unsupportedVersion, _)? = driver.stops.first else {
            Issue.record("not stopped")
            return
        }
    }

    @Test func sendsAHeartbeatWhenItHasNothingToSay() {
        var driver = AgentDriver.online()
        driver.clear()
        driver.wait(.seconds(19))
        #expect(driver.sent.isEmpty)
        driver.wait(.seconds(1))
        guard case .heartbeat? = driver.sent.first, driver.sent.count == 1 else {
            Issue.record("no heartbeat")
            return
        }
        driver.give(.progressed(AgentDriver.key(), steps: 1, totalSteps: 2))
        driver.wait(.seconds(19))
        #expect(driver.sent.count == 2, "whatever is said counts as a sign of life")
    }

    @Test func aSilentCoordinatorIsLeft() {
        var driver = AgentDriver.online()
        driver.wait(.seconds(30))
        driver.hear(.heartbeat)
        driver.wait(.seconds(59))
        #expect(driver.goodbyes.isEmpty)
        driver.wait(.seconds(1))
        #expect(driver.goodbyes.map(\.reason) == [.silent])
        driver.waitForDeadline()
        #expect(driver.connects == 2)
    }

    @Test func aMessageBeforeTheWelcomeEndsTheConnection() {
        var driver = AgentDriver()
        driver.give(.start)
        driver.give(.connected)
        driver.hear(.train(AgentDriver.task()))
        #expect(driver.goodbyes.map(\.reason) == [.protocolViolation])
        #expect(driver.trainings.isEmpty)
        var second = AgentDriver.online()
        second.hear(.welcome(Welcome()))
        #expect(second.goodbyes.map(\.reason) == [.protocolViolation])
    }

    @Test func stopSaysGoodbyeAndAbortsTheTraining() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.give(.stop)
        #expect(driver.aborts.count == 1 && driver.goodbyes.map(\.reason) == [.shuttingDown])
        #expect(driver.stops == [.asked])
    }
}
