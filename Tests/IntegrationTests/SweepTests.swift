// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Many runs by one command.
@Suite(.fewAtATime)
struct SweepTests {
    private static let job = TestJob(
        name: "swept",
        rounds: 2,
        agents: 2,
        model: "{kind: softmax, input: [28, 28], classes: 10}",
        data: "glyphs?samples=200&test=100"
    )

    private static func columns(_ summary: JSONValue?) -> [String: [JSONValue]] {
        let columns = summary?["columns"]
        return Dictionary(uniqueKeysWithValues: (columns?.keys ?? []).map { ($0, columns?[$0]?.list ?? []) })
    }

    private static func cells(_ cluster: LocalCluster, _ folder: String) throws -> [[String]] {
        let text = try String(contentsOfFile: cluster.folder.path("\(folder)/cells.csv"), encoding: .utf8)
        return text.components(separatedBy: "\r\n").dropLast().map { $0.components(separatedBy: ",") }
    }

    /// A cell is the run that `--set` makes.
    @Test func everyCombinationIsRunAsItsSettingsSay() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "scenario.yaml")
            let outcome = try await cluster.command(
                "simulate",
                scenario,
                "--json",
                "--sweep-dir",
                cluster.folder.path("sweep"),
                "--sweep",
                "strategy=fedavg,prox:{preset: fedprox, settings: {proximal_mu: 2}}",
                "lr=0.1,0.3",
                "seed=1..2"
            )
            #expect(outcome.code == 0)
            let report = try #require(try outcome.records().last)
            #expect(report["cells"]?.integer == 8 && report["failed"]?.integer == 0)
            let summary = Self.columns(report["summary"])
            #expect(summary["strategy"] == ["fedavg", "fedavg", "prox", "prox"].map(JSONValue.text))
            #expect(summary["runs"] == Array(repeating: .number(2), count: 4))
            #expect(summary["accuracy_sd"]?.compactMap(\.number).count == 4)
            let rows = try Self.cells(cluster, "sweep")
            let digests = rows.dropFirst().compactMap(\.last)
            #expect(Set(digests).count == 8)
            let row = try #require(rows.first { $0.prefix(3) == ["prox", "0.3", "2"] })
            let alone = try await cluster.command(
                "simulate",
                scenario,
                "--json",
                "--seed",
                "2",
                "--set",
                "strategy={preset: fedprox}",
                "--set",
                "training.settings={proximal_mu: 2}",
                "--set",
                "training.learning_rate=0.3"
            )
            #expect(try alone.records().last?["model_digest"]?.text == row.last)
            for file in ["rounds.csv", "summary.csv", "summary.md", "report.html", "accuracy-lr-0.1.svg"] {
                #expect(FileManager.default.fileExists(atPath: cluster.folder.path("sweep/\(file)")), "\(file)")
            }
        }
    }

    @Test func anInterruptedSweepGoesOnWhereItWas() async throws {
        var job = Self.job
        // Cells long enough that a busy machine's signal still finds some undone.
        job.rounds = 500
        try await LocalCluster.with { [job] cluster in
            let scenario = try cluster.folder.write(job.scenario, to: "scenario.yaml")
            let command = [
                "simulate", scenario, "--json", "--jobs", "1", "--sweep-dir", cluster.folder.path("sweep"), "--sweep",
                "seed=1..6",
            ]
            let first = try cluster.start(command, name: "first")
            try await first.waitForError("2/6  ")
            first.send(SIGTERM)
            #expect(try await first.exitCode() == 2)
            #expect(first.errors.contains("interrupted"))
            try await eventually("its runs end with it") { !first.hasDescendants }
            let second = try cluster.start(command, name: "second")
            #expect(try await second.exitCode() == 0)
            let report = try #require(try second.records().last)
            #expect(report["cells"]?.integer == 6)
            let resumed = try #require(report["resumed"]?.integer)
            #expect(resumed >= 2 && resumed < 6)
            let anew = try cluster.start(command + ["--no-resume"], name: "anew")
            #expect(try await anew.exitCode() == 0)
            #expect(try anew.records().last?["resumed"]?.integer == 0)
            // A changed scenario is another sweep.
            let other = try cluster.start(command + ["--set", "rounds=3"], name: "other")
            #expect(try await other.exitCode() == 65)
            #expect(other.errors.contains("another scenario"))
        }
    }

    @Test func aRunThatFailsTakesNoOtherAlong() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "scenario.yaml")
            let outcome = try await cluster.command(
                "simulate",
                scenario,
                "--json",
                "--sweep-dir",
                cluster.folder.path("sweep"),
                "--sweep",
                "data=\(Self.job.data),idx:\(cluster.folder.path("missing"))",
                "seed=1,2"
            )
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("ended with 66") && outcome.errors.contains("2 of 4 runs did not finish"))
            let report = try #require(try outcome.records().last)
            #expect(report["failed"]?.integer == 2)
            #expect(Self.columns(report["summary"])["finished"] == [.number(2), .number(0)])
        }
    }

    /// What is tuned is chosen by held-out training samples, within the budget, before the final seeds run.
    @Test func methodsAreTunedByTheSameBudget() async throws {
        let file = """
            seeds: 1..2
            variants:
              even: {split: iid}
              "odd: one": {split: "shards:2"}
            methods:
              FedAvg: {strategy: fedavg}
              FedProx:
                strategy: fedprox
                for: {even: {training.local_epochs: 2}}
                tune: {strategy.settings.proximal_mu: [0.01, 100]}
            tune: {seeds: [7], budget: 4, validation: 0.25, set: {rounds: 1}, grid: {lr: [0.0001, 0.3]}}
            """
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(
                Self.job.scenario,
                to: "scenario.yaml"
            )
            let sweep = try cluster.folder.write(
                file,
                to: "sweep.yaml"
            )
            let outcome = try await cluster.command(
                "simulate",
                scenario,
                "--json",
                "--sweep-dir",
                cluster.folder.path("sweep"),
                "--sweep-file",
                sweep
            )
            #expect(outcome.code == 0)
            let report = try #require(try outcome.records().last)
            #expect(report["cells"]?.integer == 8)
            let tuning = Self.columns(report["tuning"])
            #expect(tuning["method"]?.count == 12)
            let chosen = zip(tuning["candidate"] ?? [], tuning["chosen"] ?? []).filter { $0.1 == .bool(true) }
            #expect(chosen.count == 4)
            #expect(chosen.allSatisfy { $0.0.text?.contains("lr=0.3") == true })
            let rows = try Self.cells(cluster, "sweep")
            #expect(rows[0].prefix(3) == ["variant", "method", "seed"])
            // The final run of what was chosen, on all training samples.
            let odd = try #require(rows.first { $0.prefix(3) == ["odd: one", "FedAvg", "2"] })
            let alone = try await cluster.command(
                "simulate",
                scenario,
                "--json",
                "--seed",
                "2",
                "--set",
                "strategy=fedavg",
                "--set",
                "split=shards:2",
                "--set",
                "lr=0.3"
            )
            #expect(try alone.records().last?["model_digest"]?.text == odd.last)
        }
    }

    @Test(arguments: [
        ("methods: {a: {stratgy: fedavg}}", "stratgy"), ("method: {}", "'method'"),
        ("methods: {a: {for: {b: {}}}}", "methods.a.for.b"), ("seeds: [x]", "'x'"),
        ("methods: {a: {tune: {lr: [1, 2]}}}", "'tune'"),
        ("tune: {seeds: [1], budget: 1, grid: {lr: [0.1, 0.2]}}", "budget"),
        ("axes: {strategy: [fedavgg]}", "fedavgg"), ("methods: [a]", "'methods'"),
    ])
    func aSweepThatMakesNoSenseIsRefusedBeforeItRuns(file: String, mention: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "scenario.yaml")
            let sweep = try cluster.folder.write(file + "\n", to: "sweep.yaml")
            let outcome = try await cluster.command(
                "simulate",
                scenario,
                "--sweep-dir",
                cluster.folder.path("sweep"),
                "--sweep-file",
                sweep
            )
            #expect(outcome.code == 65)
            #expect(outcome.errorLines.count == 1 && outcome.errors.contains(mention), "\(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: cluster.folder.path("sweep")))
        }
    }
}
