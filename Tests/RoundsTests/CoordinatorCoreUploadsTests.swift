// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct CoordinatorCoreUploadsTests {
    let all = agents(2)

    func running(
        rounds: Int = 2,
        configuration: CoordinatorConfiguration = CoordinatorConfiguration()
    ) -> CoordinatorDriver {
        .running(.sample(agents: 2, rounds: rounds), agents: all, configuration: configuration)
    }

    @Test func anUploadIsCheckedJournaledThenAcknowledged() {
        var driver = running()
        driver.holdsRecords = true
        driver.upload(all[0], on: 1)
        #expect(driver.verdicts(on: 1).isEmpty, "nothing is acknowledged before it is journaled")
        driver.give(.recorded(.job(JobID(1), .accepted(all[0]))))
        #expect(driver.verdicts(on: 1) == [.accepted(driver.key(all[0]))])
    }

    @Test func anOfferInAnotherAgentsNameEndsTheConnection() {
        var driver = running()
        driver.offer(all[1], on: 1)
        #expect(driver.goodbye(on: 1)?.reason == .protocolViolation)
        #expect(driver.openedSpools.isEmpty)
    }

    @Test(arguments: [0, 1, 2])
    func aChunkThatDoesNotFollowEndsTheConnection(_ number: Int) {
        var driver = running()
        driver.offer(all[0], on: 1)
        guard let request = driver.uploadRequests.last else {
            Issue.record("no request")
            return
        }
        switch number {
        case 0: driver.chunk(request.transfer, 8, 8, on: 1)
        case 1: driver.chunk(request.transfer, 0, 33, on: 1)
        default: driver.chunk(request.transfer, 0, 0, on: 1)
        }
        #expect(driver.goodbye(on: 1)?.reason == .protocolViolation)
        #expect(!driver.actions.contains { if case .spool = $0 { true } else { false } })
    }

    @Test func chunksOfAnotherConnectionOrTransferAreDropped() {
        var driver = running()
        driver.offer(all[0], on: 1)
        driver.chunk(77, 0, 8, on: 1)
        driver.chunk(driver.uploadRequests[0].transfer, 0, 8, on: 2)
        #expect(driver.goodbye(on: 1) == nil && driver.goodbye(on: 2) == nil)
        #expect(!driver.actions.contains { if case .spool = $0 { true } else { false } })
    }

    /// An offer that is refused at once, and why.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var reason: ReasonCode
        var change: @Sendable (inout UpdateOffer) -> Void
        var testDescription: String { "\(reason)" }
    }

    @Test(arguments: [
        Refusal(reason: .wrongCodec) { $0.codec = "int8" },
        Refusal(reason: .wrongSize) { $0.byteCount = 31 },
        Refusal(reason: .wrongSize) { $0.byteCount = 0 },
        Refusal(reason: .wrongSize) { $0.byteCount = -1 },
        Refusal(reason: .invalidWeight) { $0.weight = 0 },
        Refusal(reason: .invalidWeight) { $0.weight = -1 },
        Refusal(reason: .invalidWeight) { $0.weight = .nan },
        Refusal(reason: .invalidWeight) { $0.weight = .infinity },
        Refusal(reason: .invalidWeight) { $0.weight = 1e10 },
        Refusal(reason: .notFinite) { $0.loss = .nan },
    ])
    func offersThatCannotCountAreRefusedWithAStableReason(_ refusal: Refusal) {
        var driver = running()
        var offer = UpdateOffer.sample(driver.key(all[0]))
        refusal.change(&offer)
        driver.say(.offer(offer), on: 1)
        #expect(driver.verdicts(on: 1).map(\.reason) == [refusal.reason])
        #expect(driver.openedSpools.isEmpty)
        #expect(driver.status?.refusedUpdates == 1)
        driver.say(.offer(.sample(driver.key(all[0]))), on: 1)
        #expect(driver.verdicts(on: 1).last?.reason == refusal.reason, "the round has judged this agent")
    }

    @Test(arguments: [ReasonCode.notFinite, .undecodable, .normTooLarge])
    func bytesThatCannotCountAreRefusedWithTheReasonOfTheCheck(_ reason: ReasonCode) {
        var driver = running()
        driver.check = .refused(reason, "why")
        driver.upload(all[0], on: 1)
        #expect(driver.verdicts(on: 1).map(\.reason) == [reason])
        #expect(driver.verdicts(on: 1).first?.message == "why")
        #expect(driver.actions.contains { if case .discardSpool = $0 { true } else { false } })
        #expect(driver.core.uploads.activeCount == 0)
    }

    @Test func aDamagedUploadIsAskedForOnceMore() {
        var driver = running()
        driver.check = .refused(.digestMismatch, "damaged")
        driver.upload(all[0], on: 1)
        #expect(driver.openedSpools.count == 2 && driver.uploadRequests.count == 2)
        #expect(driver.verdicts(on: 1).isEmpty)
        guard let again = driver.uploadRequests.last else { return }
        #expect(again.offset == 0)
        driver.chunk(again.transfer, 0, 32, on: 1)
        #expect(driver.verdicts(on: 1).map(\.reason) == [.digestMismatch])
    }

    @Test func aDamagedUploadOfAnAgentThatIsAwayDoesNotFailIt() {
        var driver = running()
        driver.holdsChecks = true
        driver.upload(all[0], on: 1)
        driver.give(.closed(ConnectionID(1), "reset"))
        let offer = UpdateOffer.sample(driver.key(all[0]))
        driver.give(.checked(offer.key, offer.digest, .refused(.digestMismatch, "damaged")))
        driver.holdsChecks = false
        driver.connect(all[0], on: 7)
        driver.upload(all[0], on: 7)
        #expect(driver.verdicts(on: 7).map(\.isAccepted) == [true])
    }

    @Test func anUploadResumesAtTheHeldOffset() {
        var driver = running()
        driver.offer(all[0], on: 1)
        driver.chunk(driver.uploadRequests[0].transfer, 0, 20, on: 1)
        driver.give(.closed(ConnectionID(1), "reset"))
        #expect(driver.actions.contains { if case .suspendSpool = $0 { true } else { false } })
        driver.connect(all[0], on: 7)
        driver.heldBytes = 20
        driver.clear()
        driver.offer(all[0], on: 7)
        #expect(driver.uploadRequests.map(\.offset) == [20])
        driver.chunk(driver.uploadRequests[0].transfer, 20, 12, on: 7)
        #expect(driver.verdicts(on: 7).map(\.isAccepted) == [true])
    }

    @Test func aSpoolThatHoldsEverythingIsCheckedWithoutAnyByte() {
        var driver = running()
        driver.heldBytes = 32
        driver.offer(all[0], on: 1)
        #expect(driver.uploadRequests.isEmpty)
        #expect(driver.verdicts(on: 1).map(\.isAccepted) == [true])
    }

    @Test func aCheckThatOutlivesItsConnectionAnswersOnTheNext() {
        var driver = running()
        driver.holdsChecks = true
        driver.upload(all[0], on: 1)
        driver.give(.closed(ConnectionID(1), "reset"))
        driver.connect(all[0], on: 7)
        driver.offer(all[0], on: 7)
        #expect(driver.openedSpools.count == 1, "the bytes are here already")
        let offer = UpdateOffer.sample(driver.key(all[0]))
        driver.give(.checked(offer.key, offer.digest, .passed(norm: 1)))
        #expect(driver.verdicts(on: 7).map(\.isAccepted) == [true])
    }

    @Test func offeringTwiceOnOneConnectionStartsOneUpload() {
        var driver = running()
        driver.offer(all[0], on: 1)
        driver.offer(all[0], on: 1)
        #expect(driver.openedSpools.count == 1 && driver.uploadRequests.count == 1)
        driver.chunk(driver.uploadRequests[0].transfer, 0, 32, on: 1)
        driver.offer(all[0], on: 1)
        #expect(driver.verdicts(on: 1).map(\.isAccepted) == [true, true])
        #expect(driver.status?.acceptedUpdates == 1)
    }

    @Test func anotherUpdateUnderTheSameKeyReplacesTheUploadUnderWay() {
        var driver = running()
        driver.offer(all[0], on: 1)
        driver.say(.offer(.sample(driver.key(all[0]), digest: 8)), on: 1)
        #expect(driver.uploadRequests.count == 2)
        driver.chunk(driver.uploadRequests[0].transfer, 0, 32, on: 1)
        #expect(driver.verdicts(on: 1).isEmpty, "chunks of the first transfer are dropped")
        driver.chunk(driver.uploadRequests[1].transfer, 0, 32, on: 1)
        #expect(driver.verdicts(on: 1).map(\.isAccepted) == [true])
        #expect(driver.core.uploads.activeCount == 0)
    }

    @Test func atMostSoManyUploadsAreUnderWay() {
        let many = agents(5)
        let configuration = CoordinatorConfiguration(concurrentUploads: 2)
        var driver = CoordinatorDriver.running(.sample(agents: 5), agents: many, configuration: configuration)
        for (index, agent) in many.enumerated() { driver.offer(agent, on: UInt64(index + 1)) }
        #expect(driver.openedSpools.map(\.agent) == Array(many[..<2]))
        driver.chunk(driver.uploadRequests[0].transfer, 0, 32, on: 1)
        #expect(driver.openedSpools.map(\.agent) == Array(many[..<3]))
        driver.give(.closed(ConnectionID(2), "reset"))
        #expect(driver.openedSpools.map(\.agent) == Array(many[..<4]), "a broken upload makes room")
        driver.give(.closed(ConnectionID(5), "reset"))
        driver.chunk(driver.uploadRequests[2].transfer, 0, 32, on: 3)
        #expect(driver.openedSpools.count == 4, "an offer whose agent went does not get its turn")
    }

    @Test func aSpoolThatCannotBeWrittenLeavesTheUpdateWithItsAgent() {
        var driver = running()
        driver.offer(all[0], on: 1)
        let offer = UpdateOffer.sample(driver.key(all[0]))
        driver.give(.spoolFailed(offer.key, offer.digest, "no space"))
        #expect(driver.verdicts(on: 1).map(\.reason) == [.storageFailed])
        #expect(driver.status?.refusedUpdates == 0)
        driver.upload(all[0], on: 1)
        #expect(driver.verdicts(on: 1).last?.isAccepted == true)
    }

    @Test func aJournalThatFailsLeavesTheUpdateWithItsAgent() {
        var driver = running()
        driver.holdsRecords = true
        driver.upload(all[0], on: 1)
        driver.give(.recordFailed(.job(JobID(1), .accepted(all[0])), "no space"))
        #expect(driver.verdicts(on: 1).map(\.reason) == [.storageFailed])
        #expect(driver.core.uploads.activeCount == 0)
        driver.holdsRecords = false
        driver.upload(all[0], on: 1)
        #expect(driver.verdicts(on: 1).last?.isAccepted == true)
    }

    @Test func offersAfterTheCommitAreAnsweredByWhatBecameOfThem() {
        var driver = running(rounds: 3)
        driver.holdsDurable = true
        for (index, agent) in all.enumerated() { driver.upload(agent, on: UInt64(index + 1)) }
        driver.clear()
        driver.offer(all[0], on: 1)
        #expect(driver.verdicts(on: 1) == [.accepted(driver.key(all[0]))])
        #expect(driver.released(on: 1).isEmpty, "not durable: the agent must keep it")
        driver.give(.durable(JobID(1), RoundNumber(1)))
        #expect(driver.released(on: 1) == [RoundCommitted(job: JobID(1), round: RoundNumber(1))])
        driver.clear()
        driver.offer(all[0], on: 1)
        #expect(driver.released(on: 1).count == 1)
        for (index, agent) in all.enumerated() { driver.upload(agent, round: 2, on: UInt64(index + 1)) }
        driver.clear()
        driver.offer(all[0], on: 1)
        #expect(driver.verdicts(on: 1).isEmpty, "it counted: nobody may say that it did not")
        #expect(driver.released(on: 1) == [RoundCommitted(job: JobID(1), round: RoundNumber(1))])
    }

    @Test func anUpdateOfAnUnknownJobIsRefused() {
        var driver = running()
        driver.say(.offer(.sample(driver.key(all[0], job: 9))), on: 1)
        #expect(driver.verdicts(on: 1).map(\.reason) == [.unknownJob])
    }

    @Test func anUpdateOfAnotherModelIsTrainedAgain() {
        var driver = running()
        driver.clear()
        driver.say(.offer(.sample(driver.key(all[0]), base: BlobDigest(high: 0, low: 0))), on: 1)
        #expect(driver.verdicts(on: 1).map(\.reason) == [.lateUpdate])
        #expect(driver.tasks(on: 1).map(\.key) == [driver.key(all[0])])
        driver.say(.offer(.sample(driver.key(all[0]), base: PreparedModel.sample(0).reference.digest)), on: 1)
        #expect(driver.uploadRequests.count == 1)
    }

    @Test func modelsAreServedFromAnyOffsetAndUnknownOnesEndTheConnection() {
        var driver = running()
        let digest = PreparedModel.sample(0).reference.digest
        driver.say(.blobRequest(BlobRequest(transfer: 4, digest: digest, offset: 16)), on: 1)
        let streams = driver.actions.compactMap { action -> (UInt64, Int)? in
            if case .sendModel(_, let transfer, _, _, let offset) = action { (transfer, offset) } else { nil }
        }
        #expect(streams.count == 1 && streams[0] == (4, 16))
        for (offset, connection) in [(33, 1), (-1, 2)] as [(Int, UInt64)] {
            driver.say(.blobRequest(BlobRequest(transfer: 5, digest: digest, offset: offset)), on: connection)
            #expect(driver.goodbye(on: connection)?.reason == .unknownBlob)
        }
    }

    @Test func anAgentThatAsksForAReplacedModelIsNeverLeftWaiting() {
        let round = RoundPolicy(mode: .buffered, cohort: 1, deadline: DurationText(.seconds(60)))
        let replaced = PreparedModel.sample(0).reference.digest
        for asked in 1...3 {
            var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 9, round: round), agents: all)
            let slow = all[1]
            for number in 1...UInt32(asked) { driver.upload(all[0], round: number, on: 1) }
            #expect(driver.status?.round == RoundNumber(UInt32(asked)))
            driver.clear()
            // An evaluation's model or that of its task: it waits for the answer in either case.
            driver.say(.blobRequest(BlobRequest(transfer: 7, digest: replaced, offset: 0)), on: 2)
            let isServed = asked == 1
            #expect((driver.goodbye(on: 2)?.reason == .unknownBlob) == !isServed)
            driver.connect(slow, on: 12)
            let task = driver.tasks(on: 12).first?.key
            #expect(
                isServed || task == nil || task?.round.value ?? 0 > 1,
                "its old task would end the connection again"
            )
        }
    }

    @Test func askingForAnEvaluatedModelThatWasReplacedTakesNoOtherWorkBack() {
        let round = RoundPolicy(mode: .buffered, cohort: 1, deadline: DurationText(.seconds(60)))
        var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 9, round: round), agents: all)
        driver.upload(all[1], on: 2)
        driver.upload(all[0], on: 1)
        driver.clear()
        let replaced = PreparedModel.sample(0).reference.digest
        driver.say(.blobRequest(BlobRequest(transfer: 7, digest: replaced, offset: 0)), on: 2)
        #expect(driver.goodbye(on: 2)?.reason == .unknownBlob)
        driver.connect(all[1], on: 12)
        #expect(driver.tasks(on: 12).map(\.key) == [driver.key(all[1], round: 2)])
    }
}
