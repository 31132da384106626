// SPDX-License-Identifier: Apache-2.0

import Selection
import Testing

@testable import Rounds

/// Jobs that select agents by what they say of themselves.
struct CoordinatorCoreSelectionTests {
    private func job(_ condition: String, agents: Int) throws -> JobSpecification {
        var job = JobSpecification.sample(agents: agents, rounds: 1, evaluateEvery: 1)
        job.selection = SelectionSpecification(where: try LabelPredicate(parsing: condition))
        return job
    }

    @Test func onlyAgentsThatMeetTheConditionTrainAndEvaluate() throws {
        let all = agents(3)
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.connect(all[0], on: 1, labels: ["region": "us", "ram": "8"])
        driver.submit(try job("region=eu & ram>4", agents: 1))
        #expect(driver.tasks(on: 1).isEmpty, "connected before the job came")
        driver.connect(all[1], on: 2, labels: ["region": "eu"], resources: ["ram": 4])
        #expect(driver.tasks(on: 2).isEmpty)
        driver.connect(all[2], on: 3, labels: ["region": "eu"], resources: ["ram": 8])
        #expect(driver.tasks(on: 3).count == 1)
        driver.upload(all[2], on: 3)
        for connection in UInt64(1)...3 {
            let evaluates = driver.messages(on: connection).contains { if case .evaluate = $0 { true } else { false } }
            #expect(evaluates == (connection == 3))
        }
        let logged = driver.actions.compactMap { if case .log(let line) = $0 { line.message } else { nil } }
        #expect(logged.count { $0.contains("takes no part in job-1, which selects agents where region=eu") } == 2)
    }

    @Test func anAgentThatComesBackAsAnotherDoesNotHoldUpItsRound() throws {
        let all = agents(2)
        var job = try job("role=worker", agents: 2)
        job.round = RoundPolicy(quorum: 0.5, deadline: DurationText(.seconds(600)))
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.submit(job)
        for (index, agent) in all.enumerated() {
            driver.connect(agent, on: UInt64(index + 1), labels: ["role": "worker"])
        }
        driver.upload(all[0], on: 1)
        driver.connect(all[1], on: 3, labels: ["role": "idle"])
        #expect(driver.core.allStatuses.first?.round.value == 1)
        driver.say(
            .evaluation(EvaluationReport(job: JobID(1), round: RoundNumber(1), outcome: EvaluationSummary())),
            on: 1
        )
        #expect(driver.core.isIdle, "nobody waits for its evaluation either")
    }

    @Test func samplesThatAgentsStateWeighTheDraw() throws {
        let all = agents(4)
        var job = JobSpecification.sample(agents: 4, rounds: 20, round: RoundPolicy(cohort: 1, quorum: 1))
        job.selection = SelectionSpecification(policy: .weighted)
        var driver = CoordinatorDriver()
        driver.connectOperator()
        driver.submit(job)
        for (index, agent) in all.enumerated() {
            driver.connect(agent, on: UInt64(index + 1), resources: index == 2 ? ["samples": 500] : [:])
        }
        for round in UInt32(1)...20 { driver.upload(all[2], round: round, on: 3) }
        #expect(driver.tasks(on: 3).count == 20, "the others say that they have no samples")
    }
}
