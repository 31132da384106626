// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

/// What agents say to a restarted coordinator before it has taken up its job.
struct CoordinatorCoreRestartTests {
    let all = agents(4)

    /// A buffered job in round 3; agent 4 still works on round 1, whose model nobody has any more.
    private func recovered() -> RecoveredJob {
        let policy = RoundPolicy(mode: .buffered, cohort: 2, deadline: DurationText(.seconds(60)))
        var job = RecoveredJob(job: JobID(1), specification: .sample(agents: 4, rounds: 9, round: policy))
        job.phase = .running
        for round in [UInt32(1), 2] {
            let updates = all[..<2].map { AcceptedUpdate.sample($0, round: round) }
            job.committed.append(
                CommittedRound(
                    round: RoundNumber(round),
                    modelDigest: PreparedModel.sample(round).modelDigest,
                    updates: updates,
                    elapsed: .seconds(1)
                )
            )
        }
        let old = UpdateKey(job: JobID(1), round: RoundNumber(1), attempt: 1, agent: all[3])
        job.open = .init(
            round: RoundNumber(3),
            attempt: 1,
            cohort: all,
            carried: [AskedTask(key: old, base: .initial)]
        )
        return job
    }

    @Test func anOfferThatCameTooEarlyIsTakenOnceTheRoundIsTakenUp() {
        var driver = CoordinatorDriver(recovering: [recovered()], holdsModels: true)
        driver.connect(all[3], on: 4)
        driver.offer(all[3], on: 4)
        #expect(driver.uploadRequests.isEmpty && driver.verdicts(on: 4).isEmpty)
        driver.give(.job(JobID(1), .modelReady(.sample(2))))
        #expect(driver.tasks(on: 4).isEmpty, "its model is not to be had")
        #expect(driver.uploadRequests.map(\.key) == [driver.key(all[3])])
        driver.chunk(driver.uploadRequests[0].transfer, 0, 32, on: 4)
        #expect(driver.verdicts(on: 4) == [.accepted(driver.key(all[3]))])
    }

    @Test func anEarlyOfferOfAnAgentThatLeftIsForgotten() {
        var driver = CoordinatorDriver(recovering: [recovered()], holdsModels: true)
        driver.connect(all[3], on: 4)
        driver.offer(all[3], on: 4)
        driver.give(.closed(ConnectionID(4), "gone"))
        driver.give(.job(JobID(1), .modelReady(.sample(2))))
        #expect(driver.uploadRequests.isEmpty)
    }

    @Test func askingForAModelTooEarlyEndsTheConnectionButNotTheTask() {
        var driver = CoordinatorDriver(recovering: [recovered()], holdsModels: true)
        driver.connect(all[3], on: 4)
        let digest = PreparedModel.sample(0).reference.digest
        driver.say(.blobRequest(BlobRequest(transfer: 1, digest: digest, offset: 0)), on: 4)
        let goodbye = driver.goodbye(on: 4)
        #expect(goodbye?.reason == .overloaded && goodbye?.retryAfter != nil)
        driver.give(.job(JobID(1), .modelReady(.sample(2))))
        driver.connect(all[3], on: 5)
        driver.say(.blobRequest(BlobRequest(transfer: 1, digest: digest, offset: 0)), on: 5)
        let cancelled = driver.messages(on: 5).contains {
            if case .cancel(let cancellation) = $0 { cancellation.key == driver.key(all[3]) } else { false }
        }
        #expect(cancelled, "it is free for the next round")
        #expect(driver.goodbye(on: 5)?.reason == .unknownBlob, "it does not wait for the answer any more")
    }
}
