// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a simulation tells beside its model.
@Suite(.fewAtATime)
struct SimulationResultTests {
    private static let job = TestJob(name: "told", rounds: 6, agents: 3)

    @Test func everyResultFileIsWritten() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "scenario.yaml")
            let files = ["csv", "columns", "html", "svg"]
            let options = files.flatMap { ["--\($0)", cluster.folder.path("deep/er/result.\($0)")] }
            let run = try cluster.start(
                ["simulate", scenario, "--json", "--diagnose", "--tensorboard", cluster.folder.path("events")]
                    + options,
                name: "simulate"
            )
            #expect(try await run.exitCode() == 0)
            let texts = try files.map {
                try String(contentsOfFile: cluster.folder.path("deep/er/result.\($0)"), encoding: .utf8)
            }
            let lines = texts[0].components(separatedBy: "\r\n")
            #expect(lines[0].hasPrefix("round,seconds,bytes_up,bytes_down,training_loss,accuracy,loss,client_accuracy"))
            #expect(lines.count == 8)
            #expect(try JSONValue(parsing: texts[1])["columns"]?["loss_shift"]?.list?.count == 6)
            #expect(texts[2].contains("Loss decomposition") && texts[3].hasPrefix("<svg "))
            let events = try FileManager.default.contentsOfDirectory(atPath: cluster.folder.path("events"))
            #expect(events.count == 1)
            let report = try #require(try run.records().last)
            let parts = ["loss_local", "loss_shift", "loss_aggregation"].compactMap { report[$0]?.number }
            let total = try #require(report["loss_diagnosed"]?.number)
            #expect(parts.count == 3 && abs(parts.reduce(0, +) - total) < 1e-5)
            let up = try #require(report["bytes_up_per_client"])
            #expect(up["clients"]?.integer == 3)
            #expect(try #require(up["mean"]?.number) * 3 == report["bytes_up"]?.number)
            let kinds = try #require(report["bytes_up_by_kind"])
            let sum = kinds.keys.reduce(0) { $0 + (kinds[$1]?.integer ?? 0) }
            #expect(sum == report["bytes_up"]?.integer)
        }
    }

    /// The model is that of a job that was asked for so many rounds alone.
    @Test(arguments: ["fast", "protocol"])
    func aJobThatStopsAtItsTargetEndsWithThatRound(mode: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.job.scenario, to: "scenario.yaml")
            let set = ["simulate", scenario, "--json", "--quiet", "--set", "mode=\(mode)"]
            let whole = try cluster.start(set + ["--target", "accuracy=0.2"], name: "whole")
            #expect(try await whole.exitCode() == 0)
            let first = try #require(try whole.records().last?["rounds_to_target"]?.integer)
            #expect(first < 6)
            let stopped = try cluster.start(set + ["--target", "accuracy=0.2", "--stop-at-target"], name: "stopped")
            #expect(try await stopped.exitCode() == 0)
            let short = try cluster.start(set + ["--set", "rounds=\(first)"], name: "short")
            #expect(try await short.exitCode() == 0)
            let report = try #require(try stopped.records().last)
            #expect(report["rounds"]?.integer == first && report["rounds_to_target"]?.integer == first)
            #expect(report["phase"]?.text == "finished")
            #expect(report["model_digest"]?.text == (try short.records().last?["model_digest"]?.text))
        }
    }
}
