// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Randomness
import Rounds
import Testing

@testable import Simulation

/// Set TRIBUTARY_SEEDS to run more seeds, TRIBUTARY_SEED to repeat one with a line for each event.
struct SwarmSimulationTests {
    static let slices = 8
    static let seedCount = environment("TRIBUTARY_SEEDS") ?? 200

    static func environment(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(.enabled(if: environment("TRIBUTARY_SEED") == nil), arguments: 0..<slices)
    func noSeedBreaksAnInvariant(_ slice: Int) {
        var committed = 0
        var faults = 0
        for seed in UInt64(1)...Self.seedCount where Int(seed) % Self.slices == slice {
            let result = SwarmSimulation().run(seed: seed)
            #expect(result.violations.isEmpty, "\(result.reproduction)")
            committed += result.committedRounds
            faults += result.faultCount
        }
        #expect(committed > 0 && faults > 0, "a swarm without rounds or faults shows nothing")
    }

    @Test(.enabled(if: environment("TRIBUTARY_SEED") != nil))
    func oneSeedWithEveryEvent() throws {
        let seed = try #require(Self.environment("TRIBUTARY_SEED"))
        let result = SwarmSimulation().run(seed: seed) { print($0) }
        print("event hash \(result.eventHash)")
        #expect(result.violations.isEmpty, "\(result.reproduction)")
    }

    @Test func theSameSeedGivesTheSameEvents() {
        var hashes: Set<UInt64> = []
        for seed in UInt64(1)...20 {
            let first = SwarmSimulation().run(seed: seed)
            let second = SwarmSimulation().run(seed: seed)
            #expect(first.eventHash == second.eventHash && first.eventCount == second.eventCount, "seed \(seed)")
            hashes.insert(first.eventHash)
        }
        #expect(hashes.count == 20)
    }

    @Test func aFailingSeedSaysHowToRepeatIt() {
        let result = SwarmSimulation(canary: .countTwice).run(seed: 1)
        #expect(result.reproduction.hasPrefix("swarm seed 1: I3: "))
        #expect(result.reproduction.hasSuffix("TRIBUTARY_SEED=1"))
        #expect(!result.reproduction.contains("\n"))
    }

    @Test func parametersCoverWhatTheyShould() {
        let drawn = (UInt64(1)...200).map { SwarmParameters(seed: .init($0)) }
        #expect(drawn.contains { $0.isFull } && drawn.contains { !$0.isFull })
        #expect(
            drawn.contains { $0.faults.powerLoss != nil && $0.faults.agentWipe != nil && $0.faults.partition != nil }
        )
        #expect(drawn.contains { $0.cancelAfter != nil } && drawn.contains { $0.poisoner != nil })
        #expect(drawn.contains { $0.jobs.count == 2 } && drawn.contains { $0.jobs[0].round.overSelection > 0 })
        #expect(Set(drawn.map { $0.jobs[0].round.belowQuorum }).count == 3)
        #expect(Set(drawn.map { $0.jobs[0].round.mode }).count == 3)
    }
}
