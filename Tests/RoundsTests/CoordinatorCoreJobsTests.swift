// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct CoordinatorCoreJobsTests {
    let all = agents(2)

    @Test func submitsListsAndWatches() {
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.submit(.sample(agents: 2, rounds: 1))
        guard case .jobs(let answer)? = driver.replies().last else {
            Issue.record("no answer")
            return
        }
        #expect(answer.map(\.job) == [JobID(1)] && answer.first?.phase == .queued)
        driver.say(.operatorRequest(.watch(JobID(1))), on: 99)
        for (index, agent) in all.enumerated() {
            driver.connect(agent, on: UInt64(index + 1))
        }
        for (index, agent) in all.enumerated() { driver.upload(agent, on: UInt64(index + 1)) }
        let kinds = driver.replies().compactMap { if case .event(let event) = $0 { event.kind } else { nil } }
        #expect(kinds == [.status, .roundStarted, .roundCommitted, .ended])
        driver.say(.operatorRequest(.list), on: 99)
        guard case .jobs(let listed)? = driver.replies().last else { return }
        #expect(listed.map(\.phase) == [.finished] && listed.first?.connectedAgents == 2)
        #expect(driver.core.isIdle)
    }

    @Test(arguments: [
        ("{", "JSON"), ("[]", ""), ("{\"rounds\": 0}", "rounds"), ("{\"ronuds\": 3}", "ronuds"),
        ("{\"model\": {\"knd\": 1}}", "knd"), ("{\"round\": {\"deadline\": \"soon\"}}", "soon"),
        ("{\"model\": {\"kind\": \"unknown\"}}", "no model is called unknown"),
        ("{\"round\": {\"deadline\": \"999999999999d\"}}", "999999999999d"),
        ("{\"round\": {\"cohort\": 9223372036854775807}}", "cohort"),
    ])
    func jobsThatCannotBeUsedAreRefusedWithTheReason(_ text: String, _ why: String) {
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.say(.operatorRequest(.submit(specification: text)), on: 99)
        guard case .refused(let reason, let message)? = driver.replies().last else {
            Issue.record("not refused")
            return
        }
        #expect(reason == .invalidJob)
        #expect(message.contains(why), "\(message)")
        #expect(driver.core.jobs.isEmpty)
    }

    @Test func aSubmissionThatCannotBeJournaledIsRefusedAndLeavesNothing() {
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.holdsRecords = true
        driver.submit(.sample(agents: 1))
        driver.give(.recordFailed(.submission(JobID(1), ConnectionID(99)), "no space"))
        guard case .refused(.storageFailed, _)? = driver.replies().last else {
            Issue.record("not refused")
            return
        }
        #expect(driver.core.jobs.isEmpty && driver.core.submissions.isEmpty)
    }

    @Test func unknownJobsAreNamed() {
        var driver = CoordinatorDriver()
        driver.connectOperator()
        for request in [OperatorRequest.status(JobID(4)), .watch(JobID(4)), .cancel(JobID(4))] {
            driver.clear()
            driver.say(.operatorRequest(request), on: 99)
            guard case .refused(.unknownJob, let message)? = driver.replies().last else {
                Issue.record("not refused")
                return
            }
            #expect(message.contains("job-4"))
        }
    }

    @Test func jobsRunInTheOrderOfTheirNumbers() {
        var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 1), agents: all)
        driver.submit(.sample(agents: 2, rounds: 1))
        #expect(driver.core.activeJob == JobID(1))
        for (index, agent) in all.enumerated() { driver.upload(agent, on: UInt64(index + 1)) }
        #expect(driver.core.activeJob == JobID(2))
        #expect(driver.tasks(on: 1).map(\.key.job.number) == [1, 2])
    }

    @Test func aJobThatIsOverCannotBeCancelledAndIsStillKnown() {
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all)
        driver.say(.operatorRequest(.cancel(JobID(1))), on: 99)
        driver.say(.operatorRequest(.cancel(JobID(1))), on: 99)
        guard case .refused(.jobOver, let message)? = driver.replies().last else {
            Issue.record("cancelled twice: \(driver.replies())")
            return
        }
        #expect(message.contains("job-1 is over"))
    }

    @Test func cancelWhileAnUpdateIsJournaledFreesItsPlace() {
        let configuration = CoordinatorConfiguration(concurrentUploads: 1)
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all, configuration: configuration)
        driver.holdsRecords = true
        driver.upload(all[0], on: 1)
        driver.clear()
        driver.say(.operatorRequest(.cancel(JobID(1))), on: 99)
        driver.give(.recorded(.job(JobID(1), .accepted(all[0]))))
        driver.give(.recorded(.job(JobID(1), .ended)))
        #expect(driver.core.uploads.activeCount == 0 && driver.core.uploads.uploads.isEmpty)
        #expect(driver.verdicts(on: 1).isEmpty)
        let cancelled = driver.messages(on: 1).contains { if case .cancel = $0 { true } else { false } }
        #expect(cancelled)
        #expect(driver.released(on: 1) == [RoundCommitted(job: JobID(1), round: RoundNumber(1))])
        #expect(driver.core.isIdle)
    }

    @Test func aModelOfACancelledJobDoesNotDisplaceTheNextJobsModel() {
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all)
        driver.submit(.sample(agents: 2))
        driver.say(.operatorRequest(.cancel(JobID(1))), on: 99)
        #expect(driver.core.activeJob == JobID(2))
        let served = driver.core.servedModels
        driver.give(.job(JobID(1), .modelReady(.sample(77))))
        #expect(driver.core.servedModels == served)
    }

    @Test func anAgentThatComesBackIsAskedForTheEvaluationItOwes() {
        var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 1, evaluateEvery: 1), agents: all)
        for (index, agent) in all.enumerated() { driver.upload(agent, on: UInt64(index + 1)) }
        func report(_ agent: AgentID, on connection: UInt64, _ correct: UInt64) {
            let outcome = EvaluationSummary(sampleCount: 10, correctCount: correct, lossSum: 1)
            driver.say(
                .evaluation(EvaluationReport(job: JobID(1), round: RoundNumber(1), outcome: outcome)),
                on: connection
            )
        }
        report(all[0], on: 1, 5)
        driver.give(.closed(ConnectionID(2), "reset"))
        driver.connect(all[1], on: 7)
        #expect(driver.messages(on: 7).contains { if case .evaluate = $0 { true } else { false } })
        report(all[1], on: 7, 7)
        report(all[1], on: 7, 9)
        let spread = ClientSpread(accuracies: [0.5, 0.7])
        let expected = EvaluationSummary(sampleCount: 20, correctCount: 12, lossSum: 2, spread: spread)
        #expect(driver.status?.evaluation == expected)
        #expect(driver.status?.phase == .finished)
    }

    @Test func anAgentThatStaysAwayDoesNotHoldUpTheEvaluation() {
        var driver = CoordinatorDriver.running(.sample(agents: 2, rounds: 1, evaluateEvery: 1), agents: all)
        for (index, agent) in all.enumerated() { driver.upload(agent, on: UInt64(index + 1)) }
        driver.say(
            .taskFailed(TaskFailure(key: driver.key(all[0], attempt: 0), reason: .unusableData, message: "")),
            on: 1
        )
        driver.give(.closed(ConnectionID(2), "reset"))
        #expect(driver.status?.phase == .running)
        driver.wait(.seconds(30))
        #expect(driver.status?.phase == .finished && driver.status?.evaluation.sampleCount == 0)
    }

    @Test func aRestartKnowsItsJobsAndGivesAgentsTheirGrace() {
        var recovered = RecoveredJob(job: JobID(4), specification: .sample(agents: 2, round: RoundPolicy(quorum: 0.5)))
        recovered.apply(.phase(JobID(4), .running, message: ""))
        recovered.apply(.roundStarted(JobID(4), RoundNumber(1), attempt: 1, cohort: all))
        recovered.apply(.accepted(.sample(all[0], job: JobID(4))))
        var driver = CoordinatorDriver(recovering: [recovered])
        driver.wait(.seconds(29))
        #expect(driver.folds.isEmpty)
        driver.wait(.seconds(1))
        #expect(driver.folds.first?.count == 1)
        driver.connectOperator()
        driver.submit(.sample(agents: 2))
        #expect(driver.core.jobs.keys.sorted().map(\.number) == [4, 5])
    }

    @Test func failureInAnotherAgentsNameEndsTheConnection() {
        var driver = CoordinatorDriver.running(.sample(agents: 2), agents: all)
        driver.say(.taskFailed(TaskFailure(key: driver.key(all[1]), reason: .diverged, message: "")), on: 1)
        #expect(driver.goodbye(on: 1)?.reason == .protocolViolation)
    }
}
