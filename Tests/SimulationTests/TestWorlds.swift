// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds

@testable import Simulation

/// A small world whose coordinator and agents the test handles itself.
struct TestWorld {
    let world: VirtualWorld
    let history: History
    let job: JobSpecification

    init(
        agents: Int = 3,
        rounds: Int = 3,
        elements: Int = 50,
        chunkBytes: Int = 64,
        profile: AgentProfile = AgentProfile(training: .milliseconds(200)),
        transport: any MessageTransport = ValueTransport(),
        cohort: Int = 0,
        selection: SelectionSpecification? = nil,
        seed: UInt64 = 1
    ) {
        job = JobSpecification(
            name: "job",
            seed: 3,
            rounds: rounds,
            minimumAgents: agents,
            model: ModelSpecification(kind: "vector", elements: elements),
            round: RoundPolicy(
                cohort: cohort,
                quorum: 1,
                deadline: DurationText(.seconds(120)),
                maximumExtensions: 1_000
            ),
            selection: selection,
            evaluateEvery: 1
        )
        let configuration = CoordinatorConfiguration(
            heartbeat: .seconds(2),
            silenceLimit: .seconds(6),
            reconnectEarliest: .milliseconds(10),
            reconnectLatest: .milliseconds(50),
            chunkBytes: chunkBytes
        )
        history = History()
        world = VirtualWorld(
            recipe: .pseudo,
            transport: transport,
            configuration: configuration,
            durations: CoordinatorDurations(),
            canary: nil,
            observer: history,
            seed: Seed(seed)
        )
        world.start(agents: Array(repeating: profile, count: agents), jobs: [job], seed: Seed(seed))
    }

    /// Runs until every job is over, starting the coordinator again whenever it ended.
    func finish(within limit: Duration = .seconds(600)) -> Bool {
        let end = world.clock.now.advanced(by: limit)
        while world.person?.isDone == false, world.clock.now < end {
            if !world.coordinator.isRunning {
                _ = world.run(until: world.clock.now.advanced(by: .milliseconds(100)))
                world.coordinator.start()
            }
            guard world.clock.runNext() else { break }
        }
        return world.person?.isDone == true
    }

    /// Runs until something is the case; gives false if it never is.
    func run(until isReached: () -> Bool) -> Bool {
        while !isReached() {
            guard world.person?.isDone == false, world.clock.runNext() else { return false }
        }
        return true
    }

    var modelDigest: BlobDigest? { world.person?.statuses["job"]?.modelDigest }

    /// Who was asked in each round, and why, as the journal has it.
    var choices: [RoundNumber: String] {
        var choices: [RoundNumber: String] = [:]
        for entry in world.coordinator.disk.journal {
            guard case .roundStarted(_, let round, _, let cohort, _, let reasons) = entry else { continue }
            choices[round] = "\(cohort) \(reasons?.text ?? "no reasons")"
        }
        return choices
    }

    /// What the checkers object to.
    var violations: [String] {
        let journal = JournalReading(world.coordinator.disk.journal)
        var found = history.violations
        RoundChecker.check(journal) { found.append($0) }
        UpdateChecker.check(journal, history) { found.append($0) }
        ModelChecker.check(journal, history) { found.append($0) }
        return found
    }
}
