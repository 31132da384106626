// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Jobs with classes that nobody labelled, from the command line and over real sockets.
@Suite(.fewAtATime)
struct OpenWorldJobTests {
    static let data = "glyphs?samples=300&test=60&seen=6&labelled=0.5"
    static let training = """
        {local_epochs: 1, batch_size: 16, learning_rate: 0.05, momentum: 0.9, settings: {fedossl_seen: 6, \
        fedossl_supervised: 1, fedossl_warm_up: 2, fedossl_clusters: 8}}
        """
    private static let job = TestJob(
        name: "open",
        rounds: 6,
        agents: 3,
        training: training,
        data: data,
        split: "rare:2",
        further: "strategy: fedossl"
    )

    /// Accuracies are made of all agents' answers together: over sockets those of the simulation.
    @Test func accuraciesAreThoseOfTheSimulation() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "open.yaml")
            let run = try cluster.start(["simulate", scenario, "--json", "--quiet"], name: "simulate")
            #expect(try await run.exitCode() == 0)
            let simulated = try #require(try run.records().last)
            try await cluster.startCoordinator()
            let name = try await cluster.submit(Self.job)
            try cluster.startAgents(of: Self.job)
            let status = try await cluster.finish(name)
            for key in ["accuracy", "seen_accuracy", "unseen_accuracy", "model_digest"] {
                #expect(status[key] == simulated[key] && status[key] != nil, "\(key)")
            }
            #expect(simulated["class_accuracy"]?.list?.count == 10)
            // What was journaled is what was told.
            cluster.coordinator.send(SIGTERM)
            #expect(try await cluster.coordinator.exitCode() == 0)
            let inspected = try await cluster.command("inspect", cluster.state, "--json").records()
            let rounds = inspected.last?["jobs"]?.list?.first?["rounds"]?.list
            #expect(rounds?.last?["accuracy"] == status["accuracy"])
        }
    }

    @Test func aSweepComparesTheMethods() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "open.yaml")
            let methods = """
                methods:
                  supervised: {training.settings.fedossl_unlabelled: 0}
                  fedossl: {}
                """
            let file = try cluster.folder.write(methods, to: "methods.yaml")
            let run = try cluster.start(
                [
                    "simulate", scenario, "--json", "--quiet", "--sweep-file", file, "--sweep-dir",
                    cluster.folder.path("sweep"),
                ],
                name: "sweep"
            )
            #expect(try await run.exitCode() == 0)
            let summary = try #require(try run.records().last?["summary"]?["columns"])
            for figure in ["seen_accuracy_mean", "unseen_accuracy_mean", "worst_class_accuracy_mean"] {
                let values = try #require(summary[figure]?.list, "\(summary.keys)").compactMap(\.number)
                #expect(values.count == 2 && values.allSatisfy { $0 >= 0 && $0 <= 1 }, "\(figure)")
            }
        }
    }

    @Test(arguments: [
        ("model.kind=softmax", "features"), ("training.settings.fedossl_base=0", "fedossl_base"),
        ("training.settings.proximal_mu=1", "proximal_mu"), ("round={mode: buffered, cohort: 2}", "fedossl"),
        ("strategy=fedavg", "fedossl"), ("codec.uplink=topk:fraction=0.1+ef21", "ef21"),
        ("training.settings.fedossl_clusters=0", "fedossl_clusters"),
    ])
    func whatCannotRunIsRefused(option: String, word: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "open.yaml")
            let run = try cluster.start(["simulate", scenario, "--quiet", "--set", option], name: "refused")
            #expect(try await run.exitCode() == 65)
            #expect(run.errors.contains(word), "\(run.errors)")
        }
    }

    /// Another method would learn what nobody said.
    @Test func otherMethodsRefuseSamplesWithoutALabel() async throws {
        var job = Self.job
        job.training = "{batch_size: 16}"
        job.further = "strategy: fedavg"
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(job.scenario, to: "plain.yaml")
            let run = try cluster.start(["simulate", scenario], name: "plain")
            #expect(try await run.exitCode() == 1)
            #expect(run.errors.contains("have no label"), "\(run.errors)")
        }
    }
}
