// SPDX-License-Identifier: Apache-2.0

import Foundation
import Learning
import Rounds
import Testing

@testable import Simulation

/// The key `kernels` of a scenario.
struct KernelsScenarioTests {
    private func scenario(_ changes: [String: Any]) throws -> Scenario {
        let file: [String: Any] = [
            "clients": 3, "data": "glyphs?samples=60&test=20", "rounds": 2,
            "model": ["kind": "mlp", "input": [28, 28], "classes": 10, "hidden": [9]],
        ]
        let text = try JSONSerialization.data(withJSONObject: file.merging(changes) { $1 })
        return try JSONDecoder().decode(Scenario.self, from: text)
    }

    private func message(_ changes: [String: Any]) throws -> String {
        try #require(throws: SpecificationError.self) { try scenario(changes) }.message
    }

    @Test func kernelsAreTheOwnUnlessTheScenarioSaysOtherwise() throws {
        #expect(try scenario([:]).kernels == .own && scenario(["kernels": "own"]).kernels == .own)
        #expect(try scenario(["kernels": "onednn"]).kernels == .onednn)
    }

    @Test func unknownKernelsAreRefusedWithTheKnownOnes() throws {
        let message = try message(["kernels": "mkl"])
        #expect(message.contains("'kernels'") && message.contains("own, onednn"))
    }

    @Test func otherKernelsNeedModeFast() throws {
        #expect(try message(["kernels": "onednn", "mode": "protocol"]).contains("'mode' must be fast"))
        #expect(try scenario(["kernels": "own", "mode": "protocol"]).mode == .protocol)
    }

    /// A run goes on only on the kernels that it began with; what was kept of runs without the key stays usable.
    @Test func checkpointsKnowTheKernels() throws {
        let own = try SimulationCheckpoint.scenarioText(scenario([:]))
        #expect(try SimulationCheckpoint.scenarioText(scenario(["kernels": "own"])) == own && !own.contains("kernels"))
        let other = try SimulationCheckpoint.scenarioText(scenario(["kernels": "onednn"]))
        #expect(other != own)
        #expect(try JSONDecoder().decode(Scenario.self, from: Data(other.utf8)).kernels == .onednn)
    }

    @Test(.enabled(if: !TrainingKernels.onednn.isBuiltIn, "SKIPPED: this build has oneDNN"))
    func aProgramWithoutThemSaysSoBeforeItReadsData() throws {
        let scenario = try scenario(["kernels": "onednn", "data": "idx:/nowhere"])
        let error = try #require(throws: LearningError.self) { try SimulationRun.run(scenario) }
        #expect(error.code == .unknownTrainer && error.message.contains("TRIBUTARY_DNNL=1"))
    }
}
