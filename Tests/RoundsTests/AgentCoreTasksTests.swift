// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct AgentCoreTasksTests {
    @Test func loadsTheModelTrainsOffersAndUploads() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        #expect(driver.blobRequests.map(\.offset) == [0] && driver.trainings.isEmpty)
        driver.chunk(0, 20)
        driver.chunk(20, 12)
        #expect(driver.trainings.isEmpty, "not before the model was checked")
        driver.give(.modelChecked(driver.blobRequests[0].digest, isValid: true))
        #expect(driver.trainings == [AgentDriver.key()])
        driver.give(.trained(.sample(AgentDriver.key())))
        #expect(driver.offers.map(\.key) == [AgentDriver.key()])
        driver.hear(.uploadRequest(UploadRequest(key: AgentDriver.key(), transfer: 5, offset: 8)))
        let uploads = driver.actions.compactMap { action -> (UInt64, Int)? in
            if case .sendUpdate(_, let transfer, let offset) = action { (transfer, offset) } else { nil }
        }
        #expect(uploads.count == 1 && uploads[0] == (5, 8))
        driver.hear(.verdict(.accepted(AgentDriver.key())))
        #expect(driver.forgotten.isEmpty, "the round is not durable yet")
        driver.hear(.roundCommitted(RoundCommitted(job: JobID(1), round: RoundNumber(1))))
        #expect(driver.forgotten == [AgentDriver.key()])
    }

    @Test func aDownloadResumesWhereItBroke() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.chunk(0, 20)
        let stale = driver.blobRequests[0].transfer
        driver.reconnect()
        #expect(driver.blobRequests.map(\.offset) == [20])
        #expect(driver.blobRequests[0].transfer != stale)
        driver.hear(.chunk(BlobChunk(transfer: stale, offset: 20, data: ByteSlice(copying: [1]))))
        #expect(
            !driver.actions.contains { if case .storeModel = $0 { true } else { false } },
            "late chunks are dropped"
        )
        driver.loadModel()
        #expect(driver.trainings == [AgentDriver.key()])
    }

    @Test(arguments: [(4, 8), (0, 33), (0, 0)])
    func aChunkThatDoesNotFollowEndsTheConnection(offset: Int, count: Int) {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.chunk(offset, count)
        #expect(driver.goodbyes.map(\.reason) == [.protocolViolation])
        #expect(!driver.core.isOnline)
    }

    @Test func aModelThatIsHeldIsNotLoadedAgain() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.give(.trained(.sample(AgentDriver.key())))
        driver.hear(.train(AgentDriver.task(attempt: 2)))
        #expect(driver.blobRequests.count == 1)
        #expect(driver.trainings == [AgentDriver.key(), AgentDriver.key(attempt: 2)])
    }

    @Test func aDamagedModelIsLoadedOnceMoreThenTheTaskFails() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        for _ in 0..<2 {
            driver.chunk(0, 32)
            driver.give(.modelChecked(driver.blobRequests[0].digest, isValid: false))
        }
        #expect(driver.blobRequests.map(\.offset) == [0, 0])
        #expect(driver.failures.map(\.reason) == [.digestMismatch])
        // A later round is not held back by it.
        driver.hear(.train(AgentDriver.task(round: 2)))
        driver.loadModel()
        #expect(driver.trainings == [AgentDriver.key(round: 2)])
    }

    @Test func aDamagedModelOfAnEvaluationDoesNotStopTheNextTask() {
        var driver = AgentDriver.online()
        driver.hear(.evaluate(AgentDriver.evaluation(round: 1)))
        driver.hear(.train(AgentDriver.task(round: 3)))
        for _ in 0..<2 {
            driver.chunk(0, 32)
            driver.give(.modelChecked(driver.blobRequests[0].digest, isValid: false))
        }
        #expect(driver.failures.map(\.key.attempt) == [0])
        driver.loadModel()
        #expect(driver.trainings == [AgentDriver.key(round: 3)])
    }

    @Test func aModelThatIsNotServedAnyMoreIsNotAskedForAgain() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.hear(.goodbye(Goodbye(.unknownBlob, "", retryAfter: .zero)))
        driver.waitForDeadline()
        driver.clear()
        driver.connect()
        #expect(driver.blobRequests.isEmpty, "the same request would end the next connection too")
        driver.hear(.train(AgentDriver.task(round: 5)))
        #expect(driver.blobRequests.count == 1)
    }

    @Test func aNewTaskReplacesTheOldInEveryState() {
        var loading = AgentDriver.online()
        loading.hear(.train(AgentDriver.task()))
        loading.hear(.train(AgentDriver.task(round: 2)))
        #expect(loading.aborts.isEmpty)
        loading.loadModel()
        #expect(loading.trainings == [AgentDriver.key(round: 2)])

        var running = AgentDriver.online()
        running.hear(.train(AgentDriver.task()))
        running.loadModel()
        running.hear(.train(AgentDriver.task(round: 2)))
        #expect(running.aborts == [AgentDriver.key()])
        running.give(.trained(.sample(AgentDriver.key())))
        #expect(running.offers.isEmpty && running.forgotten == [AgentDriver.key()], "an aborted training has no result")
    }

    @Test func theSameTaskTwiceIsOneTask() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.hear(.train(AgentDriver.task()))
        #expect(driver.trainings == [AgentDriver.key()] && driver.aborts.isEmpty)
    }

    @Test func theSameTaskFromAnotherModelStartsAnew() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.hear(.train(AgentDriver.task(model: 9)))
        #expect(driver.aborts == [AgentDriver.key()])
        driver.loadModel()
        #expect(driver.trainings.count == 2)
        let base = PreparedModel.sample(9).reference.digest
        driver.give(.trained(.sample(AgentDriver.key(), base: base)))
        driver.hear(.train(AgentDriver.task(model: 8)))
        #expect(driver.forgotten == [AgentDriver.key()])
        #expect(driver.blobRequests.last?.digest == PreparedModel.sample(8).reference.digest)
    }

    @Test func cancelAbortsTrainingAndForgetsAnUpdate() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.hear(.cancel(TaskCancellation(key: AgentDriver.key(), reason: .roundFull)))
        #expect(driver.aborts == [AgentDriver.key()])
        driver.hear(.train(AgentDriver.task(attempt: 2)))
        driver.give(.trained(.sample(AgentDriver.key(attempt: 2))))
        driver.hear(.uploadRequest(UploadRequest(key: AgentDriver.key(attempt: 2), transfer: 1, offset: 0)))
        driver.hear(.cancel(TaskCancellation(key: AgentDriver.key(attempt: 2), reason: .jobCancelled)))
        #expect(driver.forgotten == [AgentDriver.key(attempt: 2)])
        #expect(driver.actions.contains { if case .stopSending = $0 { true } else { false } })
    }

    @Test func evaluatesOnceAndReports() {
        var driver = AgentDriver.online()
        driver.hear(.evaluate(AgentDriver.evaluation(round: 1)))
        driver.hear(.evaluate(AgentDriver.evaluation(round: 1)))
        driver.loadModel()
        #expect(driver.evaluations == [RoundNumber(1)])
        driver.give(.evaluated(JobID(1), RoundNumber(1), EvaluationSummary(sampleCount: 3)))
        let reports = driver.sent.compactMap { if case .evaluation(let report) = $0 { report } else { nil } }
        #expect(reports.map(\.outcome.sampleCount) == [3])
        #expect(driver.evaluations.count == 1)
    }

    @Test func trainingThatFailsIsReported() {
        var driver = AgentDriver.online()
        driver.hear(.train(AgentDriver.task()))
        driver.loadModel()
        driver.give(.trainingFailed(AgentDriver.key(), .diverged, "loss is NaN"))
        #expect(driver.failures == [TaskFailure(key: AgentDriver.key(), reason: .diverged, message: "loss is NaN")])
    }
}
