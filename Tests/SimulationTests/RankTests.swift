// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelState
import Rounds
import Testing

@testable import Simulation

/// A simulation spread over ranks has the model of one process, bit for bit.
@Suite struct RankTests {
    /// What differs from the plain scenario, by name.
    static let cases: [String: [String: any Sendable]] = [
        "plain": [:],
        "coded, with feedback": ["codec": ["uplink": "topk:fraction=0.1+ef14"]],
        "control variates": ["strategy": "scaffold"],
        "chosen by uncertainty": [
            "selection": ["policy": "uncertainty", "samples": 7] as [String: any Sendable],
            "round": ["cohort": 3] as [String: any Sendable],
        ],
        "personal models": ["strategy": "ditto"],
        "classes without labels": OpenWorldCase.changes,
        "a robust rule under attack": [
            "strategy": ["rule": "median"] as [String: any Sendable], "clients": 9,
            "attack": ["name": "sign-flip", "clients": 2] as [String: any Sendable],
        ],
        "buffered, in virtual time": [
            "strategy": "fedbuff", "round": ["mode": "buffered", "cohort": 3] as [String: any Sendable],
            "devices": ["delay": "pareto:1,1.1", "failure": 0.2] as [String: any Sendable],
        ],
    ]

    private static func scenario(_ changes: [String: Any]) throws -> Scenario {
        var file: [String: Any] = [
            "clients": 7, "data": "glyphs?samples=300&test=80", "rounds": 5, "seed": 3, "threads": 1,
            "split": "dirichlet:0.5", "model": ["kind": "mlp", "hidden": [16], "input": [28, 28], "classes": 10],
        ]
        file.merge(changes) { $1 }
        return try JSONDecoder().decode(Scenario.self, from: try JSONSerialization.data(withJSONObject: file))
    }

    @Test(arguments: cases.keys.sorted()) func anyNumberOfRanksGivesTheSameModelAndEvaluation(_ name: String) throws {
        let scenario = try Self.scenario(try #require(Self.cases[name]))
        let one = try SimulationRun.run(scenario)
        #expect(one.status.phase == .finished)
        // Each with its share, and taking clients from one list.
        for (count, sharesTickets) in [(2, false), (3, false), (3, true)] {
            let all = try ThreadRanks.run(count, sharesTickets: sharesTickets) {
                try SimulationRun.run(scenario, ranks: $0)
            }
            for result in all {
                #expect(result.model.elements == one.model.elements, "\(count) ranks")
                #expect(result.rounds.map(\.evaluation) == one.rounds.map(\.evaluation))
                #expect(result.status.bytesUp == one.status.bytesUp)
            }
        }
    }

    @Test func workIsSharedOut() throws {
        let share = RankShare(costs: [5, 1, 9, 3, 3, 1, 7], ranks: 3)
        #expect(share.pieces.flatMap { $0 }.sorted() == Array(0..<7))
        let costs = [5, 1, 9, 3, 3, 1, 7]
        #expect(share.pieces.allSatisfy { $0.reduce(0) { $0 + costs[$1] } <= 10 })
        #expect(RankShare(clients: [4, 7, 9, 2], ranks: 2).pieces == [[0, 3], [1, 2]])
    }

    @Test func protocolModeStaysInOneProcess() throws {
        let scenario = try Self.scenario(["mode": "protocol"])
        let meeting = ThreadRanks.Meeting(count: 2)
        let error = #expect(throws: SimulationError.self) {
            _ = try SimulationRun.run(scenario, ranks: ThreadRanks(rank: 0, meeting: meeting))
        }
        #expect(error?.code == .notSpreadable)
    }
}
