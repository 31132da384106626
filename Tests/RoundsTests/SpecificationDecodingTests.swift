// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import Rounds

struct SpecificationDecodingTests {
    func decode(_ text: String) throws -> JobSpecification {
        try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
    }

    @Test func anEmptyFileGivesTheDefaults() throws {
        #expect(try decode("{}") == JobSpecification())
        #expect(try decode("{\"round\": {}, \"model\": {}, \"codec\": {}, \"training\": {}}") == JobSpecification())
    }

    @Test func everyKeyIsRead() throws {
        let text = """
            {"name": "n", "seed": 9, "rounds": 3, "minimum_agents": 2, "evaluate_every": 0,
             "model": {"kind": "vector", "input": [4], "classes": 3, "hidden": [5, 6], "elements": 7,
                       "settings": {"a": 1}},
             "training": {"trainer": "none", "local_epochs": 2, "batch_size": 8, "learning_rate": 0.5, "momentum": 0.9,
                          "weight_decay": 0.1, "maximum_steps": 4, "settings": {"mu": 0.01}},
             "strategy": {"rule": "krum", "server_learning_rate": 0.3, "settings": {"f": 2}},
             "round": {"cohort": 5, "over_selection": 0.3, "quorum": 0.8, "minimum_updates": 2, "deadline": "90s",
                       "below_quorum": "accept", "maximum_extensions": 1, "maximum_attempts": 2},
             "codec": {"uplink": "int8", "downlink": "bf16"}, "admission": {"maximum_norm": 10, "maximum_weight": 100}}
            """
        let expected = JobSpecification(
            name: "n",
            seed: 9,
            rounds: 3,
            minimumAgents: 2,
            model: ModelSpecification(
                kind: "vector",
                input: [4],
                classes: 3,
                hidden: [5, 6],
                elements: 7,
                settings: ["a": 1]
            ),
            training: TrainingSpecification(
                trainer: "none",
                localEpochs: 2,
                batchSize: 8,
                learningRate: 0.5,
                momentum: 0.9,
                weightDecay: 0.1,
                maximumSteps: 4,
                settings: ["mu": 0.01]
            ),
            strategy: JobSpecification.Strategy(rule: "krum", serverLearningRate: 0.3, settings: ["f": 2]),
            round: RoundPolicy(
                cohort: 5,
                overSelection: 0.3,
                quorum: 0.8,
                minimumUpdates: 2,
                deadline: DurationText(.seconds(90)),
                belowQuorum: .accept,
                maximumExtensions: 1,
                maximumAttempts: 2
            ),
            codec: JobSpecification.Coding(uplink: "int8", downlink: "bf16"),
            admission: JobSpecification.Admission(maximumNorm: 10, maximumWeight: 100),
            evaluateEvery: 0
        )
        #expect(try decode(text) == expected)
        let encoded = try JSONEncoder().encode(expected)
        #expect(try JSONDecoder().decode(JobSpecification.self, from: encoded) == expected)
    }

    @Test(arguments: [
        ("{\"ronuds\": 3}", "ronuds"), ("{\"round\": {\"dead_line\": 1}}", "dead_line"),
        ("{\"model\": {\"size\": 1}}", "size"), ("{\"training\": {\"lr\": 1}}", "lr"),
        ("{\"strategy\": {\"name\": 1}}", "name"), ("{\"codec\": {\"up\": 1}}", "up"),
        ("{\"admission\": {\"norm\": 1}}", "norm"),
    ])
    func unknownKeysAreNamedWithTheKnownOnes(_ text: String, _ key: String) {
        let error = #expect(throws: SpecificationError.self) { try decode(text) }
        #expect(error?.code == .unknownKey)
        #expect(error?.message.contains("'\(key)'") == true && error?.message.contains("known: ") == true)
    }

    @Test(arguments: [
        ("rounds", "0"), ("rounds", "-1"), ("rounds", "4294967296"), ("rounds", "\"ten\""), ("minimum_agents", "0"),
        ("minimum_agents", "9999999999"), ("name", "\"\""), ("evaluate_every", "-1"), ("seed", "-1"),
        ("round.quorum", "0"), ("round.quorum", "1.5"), ("round.cohort", "-1"),
        ("round.cohort", "9223372036854775807"), ("round.over_selection", "-0.1"), ("round.over_selection", "11"),
        ("round.minimum_updates", "0"), ("round.minimum_updates", "9223372036854775807"), ("round.deadline", "\"0s\""),
        ("round.deadline", "\"-1s\""), ("round.deadline", "\"soon\""), ("round.deadline", "-5"),
        ("round.deadline", "\"999999999999d\""), ("round.deadline", "1e300"), ("round.below_quorum", "\"panic\""),
        ("round.maximum_attempts", "0"), ("round.maximum_attempts", "9223372036854775807"),
        ("round.maximum_extensions", "-1"), ("training.batch_size", "0"), ("training.learning_rate", "0"),
        ("training.momentum", "1"), ("training.local_epochs", "0"), ("model.input", "[]"), ("model.input", "[0]"),
        ("model.input", "[16777216, 16777216, 16777216, 16777216]"), ("model.classes", "0"),
        ("model.elements", "-1"), ("admission.maximum_weight", "0"), ("admission.maximum_norm", "-1"),
        ("strategy.server_learning_rate", "0"),
    ])
    func valuesOutOfRangeAreRefusedByName(_ key: String, _ value: String) {
        let parts = key.split(separator: ".").map(String.init)
        let inner = "{\"\(parts[parts.count - 1])\": \(value)}"
        let text = parts.count == 1 ? inner : "{\"\(parts[0])\": \(inner)}"
        let error = #expect(throws: SpecificationError.self) { try decode(text) }
        #expect(error?.code == .invalidValue)
        #expect(error?.message.contains(parts[parts.count - 1]) == true, "\(error?.message ?? "")")
    }

    @Test func aVectorNeedsElements() {
        #expect(throws: SpecificationError.self) { try decode("{\"model\": {\"kind\": \"vector\"}}") }
    }
}
