// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

@Suite struct AgentCoreStreamTests {
    private func task(kept: UInt64 = 0, job: UInt64 = 1) -> StreamTask {
        let model = PreparedModel.sample(0)
        return StreamTask(
            job: JobID(job),
            name: "night",
            base: model.reference,
            model: ModelSpecification(),
            layout: model.layout,
            plan: "{}",
            seed: 1,
            keptSequence: kept
        )
    }

    private func offer(_ sequence: UInt64, job: UInt64 = 1) -> SampleOffer {
        SampleOffer(
            job: JobID(job),
            sequence: sequence,
            digest: BlobDigest(high: 0, low: sequence),
            byteCount: 40,
            sampleCount: 2
        )
    }

    /// An agent whose stream runs.
    private func streaming(kept: UInt64 = 0) -> AgentDriver {
        var driver = AgentDriver.online()
        driver.hear(.stream(task(kept: kept)))
        load(&driver)
        return driver
    }

    private func load(_ driver: inout AgentDriver) {
        let model = PreparedModel.sample(0).reference
        guard let request = requests(driver).last else { return }
        let data = ByteSlice(copying: [UInt8](repeating: 0, count: model.byteCount))
        driver.hear(.chunk(BlobChunk(transfer: request.transfer, offset: 0, data: data)))
        driver.give(.modelChecked(model.digest, isValid: true))
    }

    private func requests(_ driver: AgentDriver) -> [BlobRequest] {
        driver.actions.compactMap { if case .send(.blobRequest(let request)) = $0 { request } else { nil } }
    }

    private func offers(_ driver: AgentDriver) -> [UInt64] {
        driver.actions.compactMap { if case .send(.sampleOffer(let offer)) = $0 { offer.sequence } else { nil } }
    }

    private func settled(_ driver: AgentDriver) -> [UInt64] {
        driver.actions.compactMap { if case .settleSamples(let verdict) = $0 { verdict.sequence } else { nil } }
    }

    private func verdict(_ sequence: UInt64, _ reason: ReasonCode? = nil) -> CoordinatorMessage {
        .sampleVerdict(
            SampleVerdict(
                job: JobID(1),
                sequence: sequence,
                isAccepted: reason == nil,
                reason: reason ?? .unspecified
            )
        )
    }

    @Test func theStreamBeginsOnceItsModelIsLoaded() {
        var driver = AgentDriver.online()
        driver.hear(.stream(task()))
        func began() -> Int { driver.actions.count { if case .stream = $0 { true } else { false } } }
        #expect(began() == 0 && requests(driver).count == 1)
        load(&driver)
        #expect(began() == 1)
        driver.reconnect()
        driver.hear(.stream(task()))
        #expect(began() == 0, "it runs already")
    }

    @Test func oneBatchIsUnderWayAtATimeAndAllAreOfferedInOrder() {
        var driver = streaming()
        for sequence in UInt64(1)...3 { driver.give(.samplesReady(offer(sequence))) }
        #expect(offers(driver) == [1])
        driver.hear(verdict(1))
        #expect(offers(driver) == [1, 2] && settled(driver) == [1])
        driver.hear(verdict(2, .undecodable))
        #expect(offers(driver) == [1, 2, 3] && settled(driver) == [1, 2])
        // A verdict that comes twice changes nothing.
        driver.hear(verdict(2, .undecodable))
        #expect(settled(driver) == [1, 2])
    }

    @Test func whatCouldNotBeStoredIsOfferedAgainLater() {
        var driver = streaming()
        driver.give(.samplesReady(offer(1)))
        driver.hear(verdict(1, .storageFailed))
        #expect(settled(driver).isEmpty && offers(driver) == [1])
        driver.wait(AgentCore.storageRetry)
        #expect(offers(driver) == [1, 1])
    }

    @Test func whatAnEarlierProcessLeftIsOfferedUnlessItIsHeld() {
        var driver = AgentDriver(samples: [offer(5), offer(4), offer(9, job: 2)])
        driver.give(.start)
        driver.connect()
        #expect(offers(driver).isEmpty, "before the job is known to be open")
        driver.hear(.stream(task(kept: 4)))
        #expect(settled(driver) == [4] && offers(driver) == [5])
    }

    @Test func aStreamIsOverForTheCoordinatorOnceAllWasTaken() {
        var driver = streaming()
        driver.give(.samplesReady(offer(1)))
        var report = StreamReport(job: JobID(1))
        report.isOver = true
        driver.give(.streamReported(report))
        func told() -> [Bool] {
            driver.actions.compactMap { if case .send(.streamReport(let report)) = $0 { report.isOver } else { nil } }
        }
        #expect(told() == [false])
        driver.hear(verdict(1))
        #expect(told() == [false, true])
    }

    @Test func deletedSamplesAreNotOfferedAnyMore() {
        var driver = streaming()
        for sequence in UInt64(1)...3 { driver.give(.samplesReady(offer(sequence))) }
        let receipt = PurgeReceipt(
            job: JobID(1),
            agent: AgentDriver.agent,
            number: 1,
            lastSequence: 2,
            batchCount: 2,
            sampleCount: 4,
            byteCount: 80,
            digest: BlobDigest(high: 0, low: 0)
        )
        driver.hear(.samplesPurged(receipt))
        #expect(settled(driver) == [1, 2])
        let isNoted = driver.actions.contains { if case .samplesPurged(receipt) = $0 { true } else { false } }
        #expect(isNoted)
    }

    @Test func aSecondJobDoesNotTakeTheStream() {
        var driver = streaming()
        driver.clear()
        driver.hear(.stream(task(job: 2)))
        driver.hear(.streamEnd(StreamEnd(job: JobID(2))))
        #expect(requests(driver).isEmpty)
        driver.hear(.streamEnd(StreamEnd(job: JobID(1))))
        let isEnded = driver.actions.contains { if case .endStream = $0 { true } else { false } }
        #expect(isEnded)
        driver.hear(.stream(task(job: 2)))
        #expect(driver.actions.contains { if case .stream(let task) = $0 { task.job == JobID(2) } else { false } })
    }
}
