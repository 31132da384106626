// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Simulation

/// Whole jobs of the fast simulation in virtual time, on the glyph set.
struct VirtualTimeTests {
    private static func run(_ changes: [String: Any]) throws -> SimulationResult {
        var file: [String: Any] = [
            "clients": 8, "data": "glyphs?samples=400&test=80", "rounds": 6, "evaluate_every": 0, "seed": 3,
            "model": ["kind": "softmax", "input": [28, 28], "classes": 10],
            "devices": ["delay": "pareto:1,1.1", "seconds_per_sample": 0.01],
        ]
        file.merge(changes) { $1 }
        let text = try JSONSerialization.data(withJSONObject: file)
        let scenario = try JSONDecoder().decode(Scenario.self, from: text)
        return try SimulationRun.run(scenario)
    }

    @Test func bufferedRoundsDoNotWaitForTheSlowest() throws {
        let slow = try Self.run([:])
        let buffered = try Self.run([
            "strategy": "fedbuff", "rounds": 12, "round": ["mode": "buffered", "cohort": 4],
        ])
        #expect(slow.status.acceptedUpdates == 48 && buffered.status.acceptedUpdates == 48)
        let (last, first) = (slow.rounds[5].elapsed, buffered.rounds[11].elapsed)
        #expect(first < last / 2, "the same number of updates in \(first) and \(last)")
    }

    @Test(arguments: ["buffered", "overlapped"])
    func theSameSeedGivesTheSameModelOnAnyNumberOfThreads(mode: String) throws {
        let round: [String: Any] = mode == "buffered" ? ["mode": mode, "cohort": 3] : ["mode": mode]
        let results = try [1, 2, 3].map { threads in
            try Self.run([
                "strategy": mode == "buffered" ? "fedasync" : "co2", "round": round, "threads": threads, "rounds": 20,
                "devices": ["delay": "pareto:1,1.1", "failure": 0.2],
            ])
        }
        #expect(Set(results.map(\.status.modelDigest)).count == 1)
        #expect(Set(results.map { $0.rounds.last?.elapsed }).count == 1)
        #expect(results[0].status.refusedUpdates > 0 && results[0].status.phase == .finished)
    }

    @Test func overSelectionTakesTheFirst() throws {
        let policy: [String: Any] = ["cohort": 4]
        let all = try Self.run(["round": policy])
        let first = try Self.run(["round": policy.merging(["over_selection": 1]) { $1 }])
        #expect(first.status.acceptedUpdates == 24 && all.status.acceptedUpdates == 24)
        #expect((first.rounds.last?.elapsed ?? .zero) < (all.rounds.last?.elapsed ?? .zero))
    }

    @Test func deadlinesPassInVirtualTime() throws {
        let result = try Self.run([
            "round": ["deadline": "2s", "quorum": 0.25, "below_quorum": "accept"]
        ])
        #expect(result.status.phase == .finished)
        #expect(result.rounds.allSatisfy { $0.committed.elapsed <= .seconds(2) })
        #expect(result.status.acceptedUpdates < 48)
    }
}
