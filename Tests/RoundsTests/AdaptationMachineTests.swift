// SPDX-License-Identifier: Apache-2.0

import ModelState
import Testing

@testable import Rounds

extension PreparedAdaptation {
    /// A model of eight floats.
    static func sample(bytesPerDay: Int? = nil) -> PreparedAdaptation {
        let model = PreparedModel.sample(0)
        return PreparedAdaptation(
            base: model.reference,
            layout: model.layout,
            plan: "{}",
            bytesPerDay: bytesPerDay
        )
    }
}

extension CoordinatorDriver {
    static let device = AgentID(number: 1, of: 2)

    /// A coordinator with an adaptation job and a device on connection 1.
    static func adapting(bytesPerDay: Int? = nil, recovering: [RecoveredJob] = []) -> CoordinatorDriver {
        var driver = CoordinatorDriver(recovering: recovering)
        driver.bytesPerDay = bytesPerDay
        driver.connectOperator()
        if recovering.isEmpty { driver.submit(JobSpecification(name: "night", adaptation: .mapping([:]))) }
        driver.connectDevice()
        return driver
    }

    mutating func connectDevice(_ agent: AgentID = device, on connection: UInt64 = 1) {
        open(connection)
        say(.hello(Hello(agent: agent.name, resources: ["stream": 1])), on: connection)
    }

    mutating func offerSamples(_ sequence: UInt64, bytes: Int = 40, digest: UInt64 = 0, on connection: UInt64 = 1) {
        let offer = SampleOffer(
            job: JobID(1),
            sequence: sequence,
            digest: BlobDigest(high: 3, low: digest + sequence),
            byteCount: bytes,
            sampleCount: 2
        )
        say(.sampleOffer(offer), on: connection)
    }

    /// Offers a batch and sends all that is asked for.
    mutating func sendSamples(_ sequence: UInt64, bytes: Int = 40, on connection: UInt64 = 1) {
        offerSamples(sequence, bytes: bytes, on: connection)
        guard let request = sampleRequests(on: connection).last, request.sequence == sequence else { return }
        chunk(request.transfer, request.offset, bytes - request.offset, on: connection)
    }

    mutating func report(_ change: (inout StreamReport) -> Void = { _ in }, on connection: UInt64 = 1) {
        var report = StreamReport(job: JobID(1))
        change(&report)
        say(.streamReport(report), on: connection)
    }

    func sampleRequests(on connection: UInt64 = 1) -> [SampleRequest] {
        messages(on: connection).compactMap { if case .sampleRequest(let request) = $0 { request } else { nil } }
    }

    func sampleVerdicts(on connection: UInt64 = 1) -> [SampleVerdict] {
        messages(on: connection).compactMap { if case .sampleVerdict(let verdict) = $0 { verdict } else { nil } }
    }

    func pushes(on connection: UInt64 = 1) -> [AdaptationPush] {
        messages(on: connection).compactMap { if case .adaptation(let push) = $0 { push } else { nil } }
    }

    func receipts(on connection: UInt64 = 99) -> [PurgeReceipt] {
        messages(on: connection).flatMap { message -> [PurgeReceipt] in
            if case .operatorReply(.samples(_, let receipts)) = message { receipts } else { [] }
        }
    }
}

@Suite struct AdaptationMachineTests {
    @Test func devicesWithAStreamAreAskedAndOthersAreNot() {
        var driver = CoordinatorDriver.adapting()
        driver.connect(AgentID(number: 2, of: 2), on: 2)
        func tasks(_ connection: UInt64) -> Int {
            driver.messages(on: connection).count { if case .stream = $0 { true } else { false } }
        }
        #expect(tasks(1) == 1 && tasks(2) == 0)
    }

    @Test func aBatchIsJournaledBeforeItIsAnsweredAndLearntFromOnce() {
        var driver = CoordinatorDriver.adapting()
        driver.holdsRecords = true
        driver.sendSamples(1)
        #expect(driver.sampleVerdicts().isEmpty && driver.learnt.isEmpty)
        driver.holdsRecords = false
        let key = SampleKey(job: JobID(1), agent: CoordinatorDriver.device, sequence: 1)
        driver.give(.recorded(.adaptation(JobID(1), .kept(key))))
        #expect(driver.sampleVerdicts().map(\.isAccepted) == [true] && driver.learnt == [key])
        #expect(driver.pushes().map(\.version) == [1])
        // Offered again, it is accepted again and counts once.
        driver.offerSamples(1)
        #expect(driver.sampleVerdicts().map(\.isAccepted) == [true, true] && driver.learnt == [key])
    }

    @Test func anotherBatchUnderAUsedNumberIsRefused() {
        var driver = CoordinatorDriver.adapting()
        driver.sendSamples(3)
        driver.offerSamples(3, digest: 100)
        driver.offerSamples(2)
        #expect(driver.sampleVerdicts().map(\.reason) == [.unspecified, .conflictingOffer, .purged])
    }

    @Test func anInterruptedBatchGoesOnWhereItStopped() {
        var driver = CoordinatorDriver.adapting()
        driver.offerSamples(1)
        let first = driver.sampleRequests().last
        driver.chunk(first?.transfer ?? 0, 0, 25, on: 1)
        driver.give(.closed(ConnectionID(1), "reset"))
        driver.connectDevice(on: 2)
        driver.offerSamples(1, on: 2)
        let second = driver.sampleRequests(on: 2).last
        #expect(second?.offset == 25 && second?.transfer != first?.transfer)
        driver.chunk(second?.transfer ?? 0, 25, 15, on: 2)
        #expect(driver.sampleVerdicts(on: 2).map(\.isAccepted) == [true])
        // Another batch in its place begins anew.
        driver.offerSamples(2, on: 2)
        driver.chunk(driver.sampleRequests(on: 2).last?.transfer ?? 0, 0, 10, on: 2)
        driver.offerSamples(2, digest: 9, on: 2)
        #expect(driver.sampleRequests(on: 2).last?.offset == 0)
    }

    @Test func piecesThatDoNotFollowEndTheConnection() {
        var driver = CoordinatorDriver.adapting()
        driver.offerSamples(1)
        driver.chunk(driver.sampleRequests().last?.transfer ?? 0, 8, 4, on: 1)
        #expect(driver.goodbye(on: 1)?.reason == .protocolViolation)
    }

    @Test func aDeviceThatFloodsIsRefusedAndTheJobGoesOn() {
        var driver = CoordinatorDriver.adapting(bytesPerDay: 100)
        for sequence in UInt64(1)...4 { driver.sendSamples(sequence) }
        #expect(
            driver.sampleVerdicts().map(\.reason) == [.unspecified, .unspecified, .allowanceSpent, .allowanceSpent]
        )
        driver.wait(.seconds(86_400))
        driver.connectDevice(on: 7)
        driver.sendSamples(5, on: 7)
        #expect(driver.sampleVerdicts(on: 7).last?.isAccepted == true && driver.learnt.count == 3)
    }

    @Test func whatCannotBeStoredIsOfferedAgainAndWhatCannotBeReadIsNot() {
        var driver = CoordinatorDriver.adapting()
        let key = SampleKey(job: JobID(1), agent: CoordinatorDriver.device, sequence: 1)
        driver.storeAnswer = .storeFailed(key, .storageFailed, "full")
        driver.sendSamples(1)
        #expect(driver.sampleVerdicts().last?.isTemporary == true)
        driver.storeAnswer = .storeFailed(key, .undecodable, "no batch")
        driver.sendSamples(1)
        #expect(driver.sampleVerdicts().last?.isTemporary == false && driver.learnt.isEmpty)
        driver.storeAnswer = nil
        driver.sendSamples(2)
        #expect(driver.sampleVerdicts().last?.isAccepted == true)
    }

    @Test func aRestartLearnsAgainInTheSameOrderAndTellsWhatWasMissed() {
        var recovered = RecoveredJob(
            job: JobID(1),
            specification: JobSpecification(name: "night", adaptation: .mapping([:]))
        )
        for sequence in [UInt64(2), 1, 5] {
            let key = SampleKey(job: JobID(1), agent: CoordinatorDriver.device, sequence: sequence)
            let digest = BlobDigest(high: 3, low: sequence)
            recovered.apply(.samplesKept(KeptSamples(key: key, digest: digest, byteCount: 40, sampleCount: 2)))
        }
        var driver = CoordinatorDriver.adapting(recovering: [recovered])
        #expect(driver.learnt.map(\.sequence) == [1, 2, 5])
        driver.clear()
        driver.report {
            $0.version = 2
            $0.awaitedSequence = 5
        }
        #expect(driver.pushes().map(\.version) == [5, 0] && driver.pushes().last?.sequence == 5)
        // Only the first report of a connection is answered so.
        driver.clear()
        driver.report { $0.version = 2 }
        #expect(driver.pushes().isEmpty)
    }

    @Test func deletedSamplesAreGoneAndTheirNumbersUsedUp() {
        var driver = CoordinatorDriver.adapting()
        driver.sendSamples(1)
        driver.sendSamples(2)
        driver.holdsPurges = true
        driver.say(.operatorRequest(.purge(CoordinatorDriver.device, nil)), on: 99)
        // Neither the operator nor the device is told before the bytes are gone; nothing is taken meanwhile.
        #expect(driver.receipts().isEmpty)
        driver.offerSamples(3)
        #expect(driver.sampleVerdicts().last?.reason == .overloaded)
        let sealed = driver.journal.compactMap { if case .samplesPurged(let receipt) = $0 { receipt } else { nil } }
        #expect(sealed.map(\.batchCount) == [2] && sealed.map(\.lastSequence) == [2] && sealed[0].byteCount == 80)
        driver.give(.adaptation(JobID(1), .purged(sealed[0])))
        #expect(driver.receipts() == sealed)
        let told = driver.messages(on: 1).contains { if case .samplesPurged(sealed[0]) = $0 { true } else { false } }
        #expect(told)
        // Asked once more, as after a lost answer: the same receipt, and nothing new in the journal.
        driver.say(.operatorRequest(.purge(CoordinatorDriver.device, nil)), on: 99)
        #expect(driver.receipts() == sealed + sealed)
        let count = driver.journal.count { if case .samplesPurged = $0 { true } else { false } }
        #expect(count == 1)
        driver.holdsPurges = false
        driver.offerSamples(2)
        #expect(driver.sampleVerdicts().last?.reason == .purged)
        driver.sendSamples(3)
        // The next generation's versions are above all earlier ones.
        let version = driver.pushes().last?.version ?? 0
        #expect(version == UInt32(1_048_579))
        driver.say(.operatorRequest(.purge(AgentID(number: 2, of: 2), nil)), on: 99)
        guard case .operatorReply(.refused(.unknownJob, _)) = driver.messages(on: 99).last else {
            Issue.record("nothing is held of the other agent")
            return
        }
    }

    @Test func aJobIsOverWhenItsStreamsAreOverAndEverythingIsAnswered() {
        var driver = CoordinatorDriver.adapting()
        driver.offerSamples(1)
        driver.report { $0.isOver = true }
        #expect(driver.core.isIdle == false)
        driver.sendSamples(1)
        #expect(driver.core.isIdle)
        let ends = driver.messages(on: 1).filter { if case .streamEnd = $0 { true } else { false } }
        #expect(ends.count == 1)
        driver.offerSamples(2)
        #expect(driver.sampleVerdicts().last?.reason == .jobCancelled)
    }

    @Test func aCancelledJobEndsItsStreams() {
        var driver = CoordinatorDriver.adapting()
        driver.say(.operatorRequest(.cancel(JobID(1))), on: 99)
        guard case .streamEnd(let end) = driver.messages(on: 1).last else {
            Issue.record("the device was not told")
            return
        }
        #expect(end.reason == .jobCancelled && driver.core.isIdle)
    }
}
