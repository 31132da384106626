// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Simulation

/// Rounds of many small clients, which are trained together.
struct CohortSimulationTests {
    private static var plain: [String: Any] {
        [
            "clients": 700, "data": "synthetic?clients=700&samples=4&features=6&classes=3&test=50", "split": "natural",
            "rounds": 3, "evaluate_every": 3, "seed": 3, "round": ["cohort": 600],
            "model": ["kind": "softmax", "input": [6], "classes": 3],
            "training": ["batch_size": 3, "learning_rate": 0.1, "local_epochs": 2],
        ]
    }

    /// Runs a scenario; one or two threads take whole blocks of 600 clients, three take single ones.
    private static func run(
        _ changes: [String: Any],
        threads: Int,
        together: Bool = true
    ) throws -> (result: SimulationResult, roundsTogether: Int) {
        var file = plain.merging(changes) { $1 }
        file["threads"] = threads
        let text = try JSONSerialization.data(withJSONObject: file)
        let scenario = try JSONDecoder().decode(Scenario.self, from: text)
        let simulation = try FastSimulation(scenario, data: try ClientData(scenario))
        simulation.trainsTogether = together
        return (try simulation.run(), simulation.roundsTrainedTogether)
    }

    private static var variants: [[String: Any]] {
        [
            [:],
            ["strategy": ["rule": "fedavg", "optimizer": "fedadam"]],
            ["strategy": ["rule": "fedavg", "optimizer": "fedavgm", "server_learning_rate": 0.5]],
            ["strategy": ["rule": "fedavg", "settings": ["uniform": 1]]],
            ["training": ["batch_size": 3, "momentum": 0.9, "weight_decay": 0.01, "settings": ["proximal_mu": 0.1]]],
            ["model": ["kind": "mlp", "input": [6], "classes": 3, "hidden": [50]]],
            ["codec": ["downlink": "int8"]],
            ["round": ["cohort": 600, "quorum": 0.5]],
        ]
    }

    @Test(arguments: variants.indices)
    func trainedTogetherOrOneByOneTheModelHasTheSameBits(variant: Int) throws {
        let changes = Self.variants[variant]
        let apart = try Self.run(changes, threads: 2, together: false)
        #expect(apart.roundsTogether == 0)
        for threads in [1, 2, 3] {
            let together = try Self.run(changes, threads: threads)
            #expect(together.roundsTogether == 3)
            #expect(together.result.status.modelDigest == apart.result.status.modelDigest)
            #expect(together.result.status.trainedSamples == apart.result.status.trainedSamples)
            #expect(together.result.status.bytesUp == apart.result.status.bytesUp)
            #expect(together.result.status.bytesDown == apart.result.status.bytesDown)
            #expect(together.result.traffic == apart.result.traffic)
            #expect(together.result.rounds.map(\.committed.loss) == apart.result.rounds.map(\.committed.loss))
        }
    }

    private static var others: [[String: Any]] {
        [
            ["strategy": ["rule": "median"]],
            ["strategy": ["rule": "fedavg", "optimizer": "fedexp"]],
            ["codec": ["uplink": "int8"]],
            ["training": ["settings": ["scaffold": 1]]],
            ["round": ["cohort": 500, "over_selection": 0.2]],
            ["devices": ["delay": "pareto:1,1.1"]],
        ]
    }

    @Test(arguments: others.indices)
    func whatLooksAtSingleUpdatesIsTrainedOneByOne(variant: Int) throws {
        let run = try Self.run(Self.others[variant], threads: 1)
        #expect(run.roundsTogether == 0 && run.result.status.phase == .finished)
    }

    /// A client whose training diverges is refused, and the others count.
    @Test(arguments: [1, 3]) func aClientThatFailsIsLeftOut(threads: Int) throws {
        var rows = (0..<1_200).map { "\($0 % 7),\(($0 * 5) % 11),\($0 / 2),\($0 % 2)" }
        rows[100] = "3e38,3e38,50,1"
        let path = NSTemporaryDirectory() + "cohort-\(UUID().uuidString).csv"
        try ("a,b,client,label\n" + rows.joined(separator: "\n") + "\n").write(
            toFile: path,
            atomically: true,
            encoding: .utf8
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        let changes: [String: Any] = [
            "clients": 600, "data": "csv:\(path)?client=client&standardize=0&test=0",
            "model": ["kind": "softmax", "input": [2], "classes": 2], "training": ["learning_rate": 10],
            "round": ["cohort": 0, "quorum": 0.9, "below_quorum": "accept"], "rounds": 1, "evaluate_every": 0,
        ]
        let (together, apart) = (
            try Self.run(changes, threads: threads), try Self.run(changes, threads: 2, together: false)
        )
        #expect(together.roundsTogether == 0 && together.result.status.acceptedUpdates == 599)
        #expect(together.result.status.modelDigest == apart.result.status.modelDigest)
        #expect(together.result.traffic == apart.result.traffic)
    }

    /// 220,000 clients of 5 samples would take more than 256 MB.
    @Test func clientsOfALargePopulationAreDrawnWhenTheyAreAsked() throws {
        let changes: [String: Any] = [
            "clients": 220_000, "data": "synthetic?clients=220000&samples=5&features=60&classes=3&test=50",
            "model": ["kind": "softmax", "input": [60], "classes": 3], "round": ["cohort": 200], "rounds": 1,
            "training": ["batch_size": 5], "evaluate_every": 0,
        ]
        let (together, apart) = (
            try Self.run(changes, threads: 1), try Self.run(changes, threads: 2, together: false)
        )
        #expect(together.roundsTogether == 1 && apart.roundsTogether == 0)
        #expect(together.result.status.trainedSamples == 1_000)
        #expect(together.result.status.modelDigest == apart.result.status.modelDigest)
    }
}
