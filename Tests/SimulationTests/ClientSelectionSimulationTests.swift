// SPDX-License-Identifier: Apache-2.0

import Foundation
import Learning
import ModelState
import RoundWork
import Rounds
import Testing

@testable import Simulation

/// Jobs that choose their clients, in both kinds of simulation.
struct ClientSelectionSimulationTests {
    private static func scenario(_ changes: [String: Any]) throws -> Scenario {
        var file: [String: Any] = [
            "clients": 8, "data": "glyphs?samples=240&test=80", "rounds": 6, "seed": 5, "split": "dirichlet:0.3",
            "model": ["kind": "mlp", "hidden": [12], "input": [28, 28], "classes": 10], "round": ["cohort": 3],
            "labels": ["region": ["eu", "us"], "ram": [2, 4, 8]],
        ]
        file.merge(changes) { $1 }
        return try JSONDecoder().decode(Scenario.self, from: try JSONSerialization.data(withJSONObject: file))
    }

    /// What is said at each round's start, and the result.
    private static func run(_ changes: [String: Any]) throws -> (starts: [String], result: SimulationResult) {
        var starts: [String] = []
        let result = try SimulationRun.run(try scenario(changes)) { event in
            if event.kind == .roundStarted { starts.append(event.message) }
        }
        return (starts, result)
    }

    @Test(arguments: [
        "weighted", "power-of-choice:candidates=5", "uncertainty", "uncertainty:exploration=0,cap=1",
    ])
    func bothSimulationsChooseTheSameForTheSameReasons(_ policy: String) throws {
        let fast = try Self.run(["selection": policy])
        let protocolRun = try Self.run(["selection": policy, "mode": "protocol"])
        #expect(fast.starts == protocolRun.starts && fast.starts.count == 6)
        #expect(fast.result.model.elements == protocolRun.result.model.elements)
        let uniform = try Self.run([:])
        #expect(uniform.result.model.elements != fast.result.model.elements)
        #expect(uniform.starts.allSatisfy { $0.hasSuffix("3 agents") }, "as ever where the job does not say")
        let other = try Self.run(["selection": policy, "seed": 6])
        #expect(other.starts != fast.starts)
    }

    @Test func freshScoresChooseByTheModelOfTheRound() throws {
        let policy: [String: Any] = ["policy": "power-of-choice", "candidates": 8, "scores": "fresh"]
        let run = try Self.run(["selection": policy])
        #expect(run.starts.count == 6 && run.starts.allSatisfy { !$0.contains("unknown-loss") })
        // The model of a round does not depend on who is chosen after it: its losses are those of the next start.
        let scenario = try Self.scenario(["selection": policy, "rounds": 1])
        let data = try ClientData(scenario)
        let simulation = try FastSimulation(scenario, data: data)
        let model = try simulation.recipe.model(of: simulation.model.heldByAgents(simulation.recipe))
        let trainer = LocalTrainer(model: simulation.recipe.architecture)
        let losses = try (0..<8).map {
            try trainer.evaluate(parameters: model, samples: data.samples(of: $0)).meanLoss
        }
        let highest = losses.indices.sorted { losses[$0] > losses[$1] }.prefix(3).sorted()
        let names = highest.map { "agent-\($0 + 1) (high-loss:\(losses[$0]))" }.joined(separator: ", ")
        #expect(run.starts[0] == "round 1: 3 agents: \(names)")
        #expect(try Self.run(["selection": ["policy": "uncertainty", "scores": "fresh"]]).starts != run.starts)
        #expect(throws: SpecificationError.self) { try Self.run(["selection": policy, "mode": "protocol"]) }
    }

    @Test func labelsAreDealtInTurnAndDecideWhoTakesPart() throws {
        let condition: [String: Any] = ["where": "region=eu & ram>2 & samples>1"]
        var evaluated: [UInt64] = []
        var texts: [[String]] = []
        for mode in ["fast", "protocol"] {
            let run = try Self.run(["selection": condition, "mode": mode])
            texts.append(run.starts)
            evaluated.append(try #require(run.result.rounds.last?.evaluation?.sampleCount))
            #expect(run.result.status.phase == .finished)
        }
        // eu: 1, 3, 5, 7; ram above 2: all but 1 and 7.
        #expect(texts[0].allSatisfy { $0.hasSuffix("2 agents: agent-3 (everyone), agent-5 (everyone)") }, "\(texts[0])")
        #expect(texts[0] == texts[1] && evaluated[0] == evaluated[1])
        let whole = try Self.run([:])
        #expect(evaluated[0] < (whole.result.rounds.last?.evaluation?.sampleCount ?? 0), "they evaluate alone, too")
    }

    @Test func aConditionThatNobodyMeetsIsRefused() throws {
        let error = #expect(throws: SpecificationError.self) {
            try Self.run(["selection": ["where": "region=asia"]])
        }
        #expect(error?.message.contains("lets no client take part: region=asia") == true)
        #expect(throws: (any Error).self) { try Self.scenario(["labels": ["region": [String]()]]) }
    }

    @Test func attackersClaimSamplesAndScores() throws {
        let run = try Self.run([
            "selection": "weighted", "attack": ["name": "sign-flip", "clients": 2], "strategy": ["rule": "median"],
        ])
        #expect(run.starts.contains { $0.contains("agent-8") || $0.contains("agent-7") }, "\(run.starts)")
        #expect(run.result.status.phase == .finished)
    }
}
