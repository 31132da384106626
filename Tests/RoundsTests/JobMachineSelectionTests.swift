// SPDX-License-Identifier: Apache-2.0

import Randomness
import Selection
import Testing

@testable import Rounds

struct JobMachineSelectionTests {
    private static let everyone = agents(9)

    private func job(_ policy: String, rounds: Int = 12, cohort: Int = 3) throws -> JobSpecification {
        var job = JobSpecification.sample(agents: 9, rounds: rounds, round: RoundPolicy(cohort: cohort, quorum: 1))
        job.selection = SelectionSpecification(policy: try ClientPolicy(parsing: policy))
        return job
    }

    /// A driver with agents that have samples, which begins at once.
    private func driver(_ job: JobSpecification, from recovered: RecoveredJob? = nil) -> JobDriver {
        var driver = recovered.map { JobDriver(recovering: $0) } ?? JobDriver(job)
        let samples = Self.everyone.enumerated().map { ($1, Double(10 + 40 * $0)) }
        driver.machine.setAvailable(Self.everyone, samples: Dictionary(uniqueKeysWithValues: samples))
        driver.give(.begin)
        return driver
    }

    /// Answers the tasks of the open round with reports that depend on agent and round alone.
    private func answer(_ driver: inout JobDriver, score: (AgentID, UInt32) -> (loss: Double, uncertainty: Double?)) {
        let round = driver.machine.status.round.value + 1
        for agent in driver.machine.pendingAgents {
            var update = AcceptedUpdate.sample(agent, round: round)
            (update.loss, update.uncertainty) = score(agent, round)
            driver.give(.verified(update))
        }
    }

    private static func report(_ agent: AgentID, _ round: UInt32) -> (loss: Double, uncertainty: Double?) {
        var generator = SeededGenerator(seed: Seed(3).deriving(agent.name, UInt64(round)))
        return (generator.uniform() * 3, generator.uniform())
    }

    private func starts(_ journal: [JournalEntry]) -> [(cohort: [AgentID], reasons: SelectionReasons?)] {
        journal.compactMap {
            if case .roundStarted(_, _, _, let cohort, _, let reasons) = $0 { (cohort, reasons) } else { nil }
        }
    }

    @Test func withoutASelectionTheUniformDrawIsWhatItWas() throws {
        var job = try job("uniform")
        job.selection = nil
        var plain = driver(job)
        while !plain.machine.isOver { answer(&plain, score: Self.report) }
        for (round, start) in starts(plain.journal).enumerated() {
            let seed = Seed(job.seed).deriving("selection", UInt64(round + 1), 1)
            #expect(start.cohort == UniformSelection().select(3, of: 9, seed: seed).map { Self.everyone[$0] })
            #expect(start.reasons == SelectionReasons(.uniform, count: 3))
        }
    }

    @Test(arguments: ["weighted", "power-of-choice:candidates=5", "uncertainty", "uncertainty:exploration=0,cap=1"])
    func aRestartAtAnyFactChoosesTheSame(_ policy: String) throws {
        let job = try job(policy)
        var whole = driver(job)
        while !whole.machine.isOver { answer(&whole, score: Self.report) }
        let expected = starts(whole.journal)
        #expect(expected.count == job.rounds)
        for cut in whole.journal.indices {
            var recovered = RecoveredJob(job: JobID(1), specification: job)
            for entry in whole.journal[...cut] { recovered.apply(entry) }
            var second = driver(job, from: recovered)
            while !second.machine.isOver { answer(&second, score: Self.report) }
            let found = starts(Array(whole.journal[...cut]) + second.journal)
            #expect(found.map(\.cohort) == expected.map(\.cohort), "cut after \(cut)")
            #expect(found.map(\.reasons) == expected.map(\.reasons), "cut after \(cut)")
        }
    }

    @Test func highLossesAreChosenOnceAllAreKnown() throws {
        var driver = driver(try job("power-of-choice:candidates=9"))
        while !driver.machine.isOver {
            answer(&driver) { agent, _ in (Double(agent.number ?? 0), nil) }
        }
        let found = starts(driver.journal)
        #expect(found[..<3].allSatisfy { $0.reasons == SelectionReasons(.unknownLoss, count: 3) })
        #expect(Set(found[..<3].flatMap(\.cohort)) == Set(Self.everyone))
        #expect(found[3].cohort == Array(Self.everyone[6...]))
        #expect(found[3].reasons?[2] == .init(.highLoss, value: 9))
    }

    @Test func theUncertainAreAskedMoreOftenAndNobodyIsForgotten() throws {
        var driver = driver(try job("uncertainty:exploration=0", rounds: 60))
        while !driver.machine.isOver {
            answer(&driver) { agent, _ in (1, (agent.number ?? 0) > 6 ? 0.9 : 0.3) }
        }
        var counts: [AgentID: Int] = [:]
        for start in starts(driver.journal) { for agent in start.cohort { counts[agent, default: 0] += 1 } }
        let sure = Self.everyone[..<6].map { counts[$0] ?? 0 }
        let unsure = Self.everyone[6...].map { counts[$0] ?? 0 }
        #expect((unsure.min() ?? 0) > (sure.max() ?? 0), "\(counts)")
        #expect((sure.min() ?? 0) >= 5, "staleness brings everyone back")
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, -0.1, 1.1])
    func scoresThatCannotBeCountAsTheLowestAndStopNothing(_ score: Double) throws {
        var driver = driver(try job("uncertainty:exploration=0", rounds: 8))
        let liar = Self.everyone[4]
        while !driver.machine.isOver {
            answer(&driver) { agent, _ in (1, agent == liar ? score : 0.5) }
        }
        #expect(driver.machine.status.phase == .finished && driver.machine.status.acceptedUpdates == 24)
        let known = try #require(driver.recovered.selection.agents[liar])
        #expect(known.uncertainty == 0)
        let told = driver.actions.compactMap { action -> String? in
            guard case .notify(let event) = action, event.kind == .agentTrouble else { return nil }
            return event.message
        }
        #expect(told.count == known.timesSelected && told.allSatisfy { $0.contains("invalidScore") }, "\(told)")
    }

    @Test(arguments: [Double.nan, .infinity, -1])
    func lossesThatCannotBeWinNothing(_ loss: Double) throws {
        var driver = driver(try job("power-of-choice:candidates=9", rounds: 12))
        let liar = Self.everyone[0]
        while !driver.machine.isOver { answer(&driver) { agent, _ in (agent == liar ? loss : 0.5, nil) } }
        let found = starts(driver.journal).filter { $0.cohort.contains(liar) }
        #expect(found.count == 1, "as unknown, and never again")
        #expect(driver.machine.status.phase == .finished)
    }

    @Test func scoresThatNobodyAskedForAreNotKept() throws {
        var driver = driver(try job("weighted", rounds: 2))
        while !driver.machine.isOver { answer(&driver) { _, _ in (1, 0.5) } }
        #expect(driver.folds.joined().allSatisfy { $0.uncertainty == nil })
    }

    @Test(arguments: [Double.nan, -5, .infinity, 1e300])
    func claimedSamplesAreBounded(_ claimed: Double) throws {
        var job = try job("weighted", rounds: 30, cohort: 1)
        job.admission.maximumWeight = 100
        var driver = JobDriver(job)
        var samples = Dictionary(uniqueKeysWithValues: Self.everyone.map { ($0, 100.0) })
        samples[Self.everyone[0]] = claimed
        driver.machine.setAvailable(Self.everyone, samples: samples)
        driver.give(.begin)
        while !driver.machine.isOver { answer(&driver, score: Self.report) }
        let count = starts(driver.journal).count { $0.cohort == [Self.everyone[0]] }
        #expect(count < 15, "no claim wins every round")
    }

    @Test func carriedWorkKeepsItsPlaceAndIsNotChosenAgain() throws {
        var job = try job("power-of-choice:candidates=9", rounds: 3)
        job.round = RoundPolicy(mode: .buffered, cohort: 1, concurrency: 3)
        var driver = driver(job)
        let first = try #require(driver.machine.pendingAgents.first)
        driver.verify(first)
        let second = try #require(starts(driver.journal).last)
        let rules = second.cohort.indices.map { second.reasons?[$0].rule }
        #expect(rules.count { $0 == .carried } == 2 && rules.count == 3)
        let memory = driver.recovered.selection
        #expect(memory.agents.values.reduce(0) { $0 + $1.timesSelected } == 4)
        #expect(memory == driver.machine.selection)
    }

    @Test func theStartOfARoundNamesWhoWasChosenAndWhy() throws {
        var driver = driver(try job("power-of-choice:candidates=9", rounds: 1))
        answer(&driver, score: Self.report)
        let text = driver.actions.compactMap { action -> String? in
            if case .notify(let event) = action, event.kind == .roundStarted { event.message } else { nil }
        }
        let cohort = try #require(starts(driver.journal).first?.cohort)
        let names = cohort.map { "\($0) (unknown-loss)" }.joined(separator: ", ")
        #expect(text == ["round 1: 3 agents: \(names)"])
    }
}
