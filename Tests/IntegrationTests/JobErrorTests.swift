// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Jobs that cannot be run, and agents that cannot do a job.
@Suite(.fewAtATime)
struct JobErrorTests {
    /// A job file and what its refusal names.
    struct Unusable: Sendable, CustomTestStringConvertible {
        let file: String
        let mentions: [String]

        init(_ file: String, _ mentions: String...) {
            self.file = file
            self.mentions = mentions
        }

        var testDescription: String { file }
    }

    static let files = [
        Unusable("ruonds: 3", "'ruonds'", "known:", "rounds", "minimum_agents"),
        Unusable("model: {hiden: [3]}", "'hiden'", "model", "hidden"),
        Unusable("round: {chorot: 3}", "'chorot'", "round", "cohort"),
        Unusable("rounds: 0", "'rounds'"),
        Unusable("training: {learning_rate: fast}", "'training.learning_rate'"),
        Unusable("model: {kind: transformer}", "'transformer'", "mlp", "softmax"),
        Unusable("model: {kind: vector}", "elements"),
        Unusable("strategy: {rule: magic}", "'magic'", "fedavg"),
        Unusable("strategy: {settings: {nonsense: 1}}", "'nonsense'"),
        Unusable("codec: {uplink: zip}", "'zip'", "fp32"),
        Unusable("training: {trainer: magic}", "'magic'", "sgd"),
        Unusable("round: {below_quorum: maybe}", "round.below_quorum", "extend", "accept", "abandon"),
        Unusable("round: {deadline: soon}", "deadline", "'soon'", "30s"),
        Unusable("strategy: {rule: krum, settings: {f: -1}}", "f"),
        Unusable("- 1", "mapping"),
        Unusable("a: [", "YAML"),
    ]

    @Test(arguments: files)
    func aJobThatCannotRunIsRefusedWithWhatIsWrong(unusable: Unusable) async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let file = try cluster.folder.write(unusable.file + "\n", to: "unusable.yaml")
            let outcome = try await cluster.command("job", "submit", file, "--coordinator", cluster.address)
            #expect(outcome.code == 65)
            #expect(outcome.errorLines.count == 1, "one line, not \(outcome.errorLines)")
            for text in unusable.mentions {
                #expect(outcome.errors.contains(text), "names \(text): \(outcome.errors)")
            }
            let list = try await cluster.command("job", "list", "--coordinator", cluster.address, "--json")
            #expect(list.output.isEmpty, "nothing was taken")
        }
    }

    @Test func aJobFileThatIsNotThereIsToldApart() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let file = cluster.folder.path("missing.yaml")
            let outcome = try await cluster.command("job", "submit", file, "--coordinator", cluster.address)
            #expect(outcome.code == 66)
            #expect(outcome.errorLines.count == 1)
            #expect(outcome.errors.contains("missing.yaml"))
        }
    }

    @Test func anUnknownJobIsToldInEveryCommand() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            for command in ["status", "watch", "cancel"] {
                let outcome = try await cluster.command(
                    "job",
                    command,
                    "77",
                    "--coordinator",
                    cluster.address,
                    "--json"
                )
                #expect(outcome.code == 65)
                #expect(outcome.errorLines.count == 1)
                #expect(outcome.errors.contains("no job-77"))
                #expect(outcome.output.isEmpty)
            }
        }
    }

    @Test func anAgentWhoseLabelsDoNotFitIsNamedAndTheJobGoesOnWithoutIt() async throws {
        var job = TestJob(name: "labels", rounds: 2, agents: 3, model: "{kind: softmax, input: [2], classes: 2}")
        job.round = "{quorum: 0.6}"
        try await LocalCluster.with { cluster in
            let fitting = (0..<40).map { "\($0 % 7),\($0 % 5),\($0 % 2)" }.joined(separator: "\n")
            try cluster.folder.write("a,b,label\n\(fitting)\n", to: "good.csv")
            let tooMany = (0..<40).map { "\($0 % 7),\($0 % 5),\($0 % 4)" }.joined(separator: "\n")
            try cluster.folder.write("a,b,label\n\(tooMany)\n", to: "bad.csv")
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            for (agent, file) in [("agent-1", "good"), ("agent-2", "good"), ("agent-3", "bad")] {
                try cluster.startAgent(agent, data: "csv:\(cluster.folder.path(file)).csv")
            }
            let status = try await cluster.finish(name)
            #expect(status["accepted_updates"]?.integer == 4)
            #expect(status["refused_updates"]?.integer == 2)
            let trouble = try cluster.events("agentTrouble").compactMap { $0["message"]?.text }
            #expect(trouble.count == 2)
            for line in trouble {
                #expect(line.contains("agent-3") && line.contains("unusableData") && line.contains("2 classes"))
            }
            #expect(cluster.agents["agent-3"]?.isRunning == true)
        }
    }

    @Test func aJobThatNoAgentCanDoFailsWithTheReason() async throws {
        let job = TestJob(name: "five-classes", agents: 2, model: "{kind: softmax, input: [28, 28], classes: 5}")
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            let watch = try cluster.watch(name)
            try await eventually("the first event") { !watch.outputLines.isEmpty }
            try cluster.startAgents(of: job)
            #expect(try await watch.exitCode() == 1)
            #expect(watch.errorLines.count == 1)
            #expect(watch.errors.contains("0 of 2 updates"))
            let records = try watch.records()
            #expect(records.contains { $0["message"]?.text?.contains("set model.classes to 10 or more") == true })
            #expect(records.last?["status"]?["phase"]?.text == "failed")
        }
    }
}
