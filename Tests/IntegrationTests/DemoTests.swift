// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The one command that shows everything.
@Suite(.fewAtATime)
struct DemoTests {
    private static let keys: Set = [
        "rounds", "accuracy", "loss", "seconds", "train_seconds", "samples_per_s", "client_updates_per_s", "bytes_up",
        "bytes_down", "peak_rss_mb", "model_digest",
    ]

    @Test func theDemoEndsWithOneJSONObject() async throws {
        try await LocalCluster.with { cluster in
            let outcome = try await cluster.command("demo", "--agents", "3", "--rounds", "3", "--json")
            #expect(outcome.code == 0)
            let report = try #require(try outcome.records().last)
            #expect(report.keys.isSuperset(of: Self.keys))
            #expect(report["rounds"]?.integer == 3)
            #expect(try #require(report["accuracy"]?.number) > 0.8)
            #expect(try #require(report["bytes_up"]?.number) > 0)
            #expect(try #require(report["peak_rss_mb"]?.number) > 1)
            #expect(report["model_digest"]?.text?.count == 32)
        }
    }

    @Test func aDemoThatIsAskedToStopTakesItsProcessesAndItsFolderAlong() async throws {
        try await LocalCluster.with { cluster in
            let demo = try cluster.start(["demo", "--agents", "2", "--rounds", "1000000"], name: "demo")
            try await demo.waitForError("round 2/")
            demo.send(SIGTERM)
            _ = try await demo.exitCode()
            try await eventually("its coordinator and agents end", within: .seconds(20)) { !demo.hasDescendants }
            let left = try FileManager.default.contentsOfDirectory(atPath: cluster.folder.root.path)
            #expect(!left.contains { $0.hasPrefix("tributary-") })
        }
    }

    @Test(arguments: ["fast", "protocol"])
    func aSimulationEndsWithOneJSONObject(mode: String) async throws {
        let job = TestJob(name: "reported", rounds: 2, agents: 3)
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(job.scenario, to: "scenario.yaml")
            let outcome = try await cluster.command("simulate", scenario, "--set", "mode=\(mode)", "--json")
            #expect(outcome.code == 0)
            let report = try #require(try outcome.records().last)
            #expect(report.keys.isSuperset(of: Self.keys))
            #expect(report["mode"]?.text == mode)
            #expect(report["rounds"]?.integer == 2)
            #expect(report["accepted_updates"]?.integer == 6)
        }
    }
}
