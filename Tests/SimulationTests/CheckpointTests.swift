// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelState
import Rounds
import Testing

@testable import Simulation

/// A simulation that was stopped goes on with the bits and the figures that it would have had.
@Suite struct CheckpointTests {
    /// What differs from the plain scenario, by name.
    static let cases: [String: [String: any Sendable]] = [
        "plain": [:],
        "a server optimizer with a memory": ["strategy": "fedadam"],
        "feedback and anchors": [
            "codec": [
                "uplink": "topk:fraction=0.1+ef14", "downlink": "ecdq:bits=4", "anchor": "int8", "anchor_every": 4,
            ] as [String: any Sendable]
        ],
        "control variates": ["strategy": "scaffold"],
        "personal models": ["strategy": "ditto"],
        "classes without labels": OpenWorldCase.changes,
        "devices in virtual time": [
            "round": ["cohort": 4, "over_selection": 0.5] as [String: any Sendable],
            "devices": ["delay": "pareto:1,1.1", "failure": 0.2] as [String: any Sendable],
        ],
        "some evaluations only": ["evaluate_every": 4],
        "chosen by uncertainty": ["selection": "uncertainty:exploration=0.3"],
        "chosen by loss": ["selection": "power-of-choice:candidates=5"],
    ]

    private static func scenario(_ changes: [String: Any], rounds: Int) throws -> Scenario {
        var file: [String: Any] = [
            "clients": 6, "data": "glyphs?samples=240&test=60", "rounds": rounds, "seed": 5, "split": "dirichlet:0.5",
            "model": ["kind": "mlp", "hidden": [12], "input": [28, 28], "classes": 10], "round": ["cohort": 4],
        ]
        file.merge(changes) { $1 }
        return try JSONDecoder().decode(Scenario.self, from: try JSONSerialization.data(withJSONObject: file))
    }

    private static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    @Test(arguments: cases.keys.sorted()) func aRunThatGoesOnEndsAsIfItHadNeverStopped(_ name: String) throws {
        let changes = try #require(Self.cases[name])
        let whole = try SimulationRun.run(try Self.scenario(changes, rounds: 11))
        let resumed = try Self.withFolder { folder in
            // Ends after round 7; the newest checkpoint is of round 6.
            let first = try CheckpointFolder(folder, everyRounds: 3)
            _ = try SimulationRun.run(try Self.scenario(changes, rounds: 7), checkpoints: first)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                    == ["round-000003.checkpoint", "round-000006.checkpoint"]
            )
            let second = try CheckpointFolder(folder, everyRounds: 100, resumes: true)
            var told: [UInt32] = []
            let result = try SimulationRun.run(
                try Self.scenario(changes, rounds: 11),
                checkpoints: second,
                onRound: { told.append($0.committed.round.value) }
            )
            #expect(told == Array(1...11))
            return result
        }
        #expect(resumed.model.elements == whole.model.elements)
        #expect(resumed.rounds.map(\.committed.modelDigest) == whole.rounds.map(\.committed.modelDigest))
        // The last round of the shorter run is evaluated too, but lies after the checkpoint.
        #expect(resumed.rounds.map(\.evaluation) == whole.rounds.map(\.evaluation))
        #expect(resumed.status.acceptedUpdates == whole.status.acceptedUpdates)
        #expect(resumed.status.refusedUpdates == whole.status.refusedUpdates)
        #expect(resumed.status.bytesUp == whole.status.bytesUp && resumed.status.bytesDown == whole.status.bytesDown)
        #expect(resumed.traffic == whole.traffic)
        if changes["devices"] != nil {
            #expect(resumed.rounds.map(\.elapsed) == whole.rounds.map(\.elapsed))
        }
    }

    @Test func theTwoNewestAreKept() throws {
        try Self.withFolder { folder in
            let checkpoints = try CheckpointFolder(folder, everyRounds: 2)
            _ = try SimulationRun.run(try Self.scenario([:], rounds: 9), checkpoints: checkpoints)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                    == ["round-000006.checkpoint", "round-000008.checkpoint"]
            )
        }
    }

    @Test func damagedAndForeignCheckpointsAreRefused() throws {
        try Self.withFolder { folder in
            let checkpoints = try CheckpointFolder(folder, everyRounds: 2)
            _ = try SimulationRun.run(try Self.scenario([:], rounds: 4), checkpoints: checkpoints)
            let resuming = try CheckpointFolder(folder, everyRounds: 2, resumes: true)
            let foreign = #expect(throws: SimulationError.self) {
                try SimulationRun.run(try Self.scenario(["seed": 6], rounds: 4), checkpoints: resuming)
            }
            #expect(foreign?.code == .unusableCheckpoint)
            let file = folder + "/round-000002.checkpoint"
            var bytes = try #require(FileManager.default.contents(atPath: file))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: file))
            let damaged = #expect(throws: SimulationError.self) {
                try SimulationRun.run(try Self.scenario([:], rounds: 4), checkpoints: resuming)
            }
            #expect(damaged?.code == .unusableCheckpoint && damaged?.message.contains("round-000002") == true)
        }
    }

    @Test func carriedWorkHasNoCheckpoints() throws {
        try Self.withFolder { folder in
            let changes: [String: Any] = ["strategy": "fedbuff", "round": ["mode": "buffered", "cohort": 3]]
            let error = #expect(throws: SimulationError.self) {
                try SimulationRun.run(
                    try Self.scenario(changes, rounds: 4),
                    checkpoints: try CheckpointFolder(folder)
                )
            }
            #expect(error?.code == .notResumable)
        }
    }
}
