// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct AgentCoreOutboxTests {
    let key = AgentDriver.key()

    @Test func whatAnEarlierProcessLeftIsOffered() {
        let stranger = UpdateKey(
            job: JobID(1),
            round: RoundNumber(1),
            attempt: 1,
            agent: AgentID(number: 2, of: 2)
        )
        let driver = AgentDriver.online(outbox: [
            .sample(AgentDriver.key(round: 2)), .sample(key), .sample(stranger),
        ])
        #expect(driver.offers.map(\.key) == [key, AgentDriver.key(round: 2)])
    }

    @Test func everythingIsOfferedAgainAfterAReconnect() {
        var driver = AgentDriver.online(outbox: [.sample(key)])
        driver.hear(.uploadRequest(UploadRequest(key: key, transfer: 1, offset: 0)))
        driver.give(.disconnected("reset"))
        #expect(driver.actions.contains { if case .stopSending = $0 { true } else { false } })
        driver.waitForDeadline()
        driver.clear()
        driver.connect()
        #expect(driver.offers.map(\.key) == [key])
        driver.hear(.verdict(.accepted(key)))
        driver.reconnect()
        #expect(driver.offers.map(\.key) == [key], "an accepted update too: the coordinator may have lost power")
    }

    @Test func anUpdateFinishedOfflineIsOfferedOnline() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.give(.disconnected("reset"))
        driver.clear()
        driver.give(.trained(.sample(key)))
        #expect(driver.offers.isEmpty)
        driver.waitForDeadline()
        driver.connect()
        #expect(driver.offers.map(\.key) == [key])
    }

    @Test func aTaskThatIsDoneIsOfferedInPlaceOfTraining() {
        var driver = AgentDriver.online(outbox: [.sample(key)])
        driver.clear()
        driver.hear(.train(AgentDriver.task()))
        #expect(driver.offers.map(\.key) == [key] && driver.blobRequests.isEmpty)
        driver.hear(.uploadRequest(UploadRequest(key: key, transfer: 1, offset: 0)))
        driver.clear()
        driver.hear(.train(AgentDriver.task()))
        #expect(driver.offers.isEmpty, "under way already")
    }

    @Test func anUpdateThatCouldNotBeStoredIsOfferedAgainAfterAPause() {
        var driver = AgentDriver.online(outbox: [.sample(key)])
        driver.hear(.uploadRequest(UploadRequest(key: key, transfer: 1, offset: 0)))
        driver.clear()
        driver.hear(.verdict(.refused(key, .storageFailed, "no space")))
        #expect(driver.forgotten.isEmpty && driver.offers.isEmpty)
        #expect(driver.actions.contains { if case .stopSending = $0 { true } else { false } })
        #expect(driver.core.nextDeadline == driver.now.advanced(by: .seconds(5)))
        driver.wait(.seconds(4))
        #expect(driver.offers.isEmpty)
        driver.wait(.seconds(1))
        #expect(driver.offers.map(\.key) == [key])
        driver.wait(.seconds(1))
        #expect(driver.offers.count == 1, "once")
    }

    @Test(arguments: ReasonCode.allCases.filter { $0 != .storageFailed })
    func aRefusedUpdateIsForgotten(_ reason: ReasonCode) {
        var driver = AgentDriver.online(outbox: [.sample(key)])
        driver.hear(.verdict(.refused(key, reason, "")))
        #expect(driver.forgotten == [key])
        driver.reconnect()
        #expect(driver.offers.isEmpty)
    }

    @Test func aDurableRoundReleasesItselfAndAllBeforeIt() {
        let rounds = (1...4).map { UpdateOffer.sample(AgentDriver.key(round: $0)) }
        var driver = AgentDriver.online(outbox: rounds)
        driver.hear(.roundCommitted(RoundCommitted(job: JobID(2), round: RoundNumber(9))))
        #expect(driver.forgotten.isEmpty, "another job")
        driver.hear(.roundCommitted(RoundCommitted(job: JobID(1), round: RoundNumber(3))))
        #expect(driver.forgotten.map(\.round.value) == [1, 2, 3])
    }

    @Test func theOutboxIsBounded() {
        var driver = AgentDriver.online()
        for round in UInt32(1)...12 {
            driver.hear(.train(AgentDriver.task(round: round)))
            driver.loadModel()
            driver.give(.trained(.sample(AgentDriver.key(round: round))))
        }
        #expect(driver.core.outbox.count == AgentCore.outboxLimit)
        #expect(driver.forgotten.map(\.round.value) == [1, 2, 3, 4])
    }
}
