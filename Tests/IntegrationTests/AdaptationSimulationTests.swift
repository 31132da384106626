// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Devices and a cloud on drifting streams, from the command line.
@Suite(.fewAtATime)
struct AdaptationSimulationTests {
    private static let scenario = """
        name: streams
        seeds: [1, 2]
        adaptation:
          data: ["glyphs?samples=220&test=120"]
          device: {model: {kind: small-cnn, settings: {width: 4}}, samples: 160, epochs: 1}
          teacher: {model: {kind: small-cnn, settings: {width: 4}}, samples: 160, epochs: 1, corrupted_fraction: 0.8}
          stream: {corruptions: [contrast, fog], strengths: [3, 5], samples_per_phase: 30, cycles: 1, batch_size: 15}
          upload: {rate: 0.2, reserve: 0.1}
          detection: {outside: "glyphs?samples=16&test=40&seed=9", samples: 32}
        """

    @Test func everyMethodIsInTheResultWithItsBytes() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "streams.yaml")
            let files = ["csv", "columns", "html", "svg", "record"]
            let options = files.flatMap { ["--\($0)", cluster.folder.path("deep/streams.\($0)")] }
            let run = try cluster.start(["simulate", scenario, "--json", "--quiet"] + options, name: "streams")
            #expect(try await run.exitCode() == 0)
            let methods = try #require(try run.records().last?["methods"])
            #expect(
                Set(methods.keys)
                    == ["source", "statistics", "device", "mean-teacher", "uniform", "uncertainty", "all"]
            )
            for name in methods.keys {
                let accuracy = try #require(methods[name]?["accuracy"]?.number)
                #expect(accuracy > 0 && accuracy <= 1)
            }
            let up = methods.keys.reduce(into: [:]) { $0[$1] = methods[$1]?["bytes_up"]?.number }
            #expect(up["source"] == 0 && up["device"] == 0)
            let (uniform, uncertainty, all) = (up["uniform"] ?? 0, up["uncertainty"] ?? 0, up["all"] ?? 0)
            #expect(uniform > 0 && uncertainty > 0 && all > 3 * uniform && all > 3 * uncertainty)
            let largest = try #require(methods["all"]?["largest_update_bytes"]?.integer)
            #expect(largest > 0 && largest < 2_048)
            let texts = try files.map {
                try String(contentsOfFile: cluster.folder.path("deep/streams.\($0)"), encoding: .utf8)
            }
            // A line for each phase of each seed, and the head.
            #expect(texts[0].components(separatedBy: "\r\n").filter { !$0.isEmpty }.count == 1 + 2 * 4)
            #expect(texts[2].contains("Detection") && texts[3].hasPrefix("<svg "))
        }
    }

    @Test(arguments: [
        "upload.choice=k-center", "upload.choice=knapsack", "upload.choice=reservoir", "upload.novelty={memory: 8}",
        "upload.drift={warm_up: 15, open_above: 0, close_below: -1}", "upload.score=variance",
        "calibration=h-calibration",
        "upload={rate: 0.2, score: mutual-information, passes_by: augmentation, passes: 3}",
    ])
    func everyChoiceStaysInItsBudget(option: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "streams.yaml")
            let arguments = [
                "simulate", scenario, "--json", "--quiet", "--set", "seeds=[1]", "--set",
                "adaptation.methods=[uncertainty]", "--set", "adaptation.detection={enabled: false}",
                "--set", "adaptation.\(option)",
            ]
            let run = try cluster.start(arguments, name: "streams")
            #expect(try await run.exitCode() == 0)
            let sent = try #require(try run.records().last?["methods"]?["uncertainty"]?["samples_sent"]?.number)
            #expect(sent > 0 && sent <= 0.2 * 120)
        }
    }

    @Test func aBudgetOfNothingSendsNothingAndTheStreamGoesOn() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "streams.yaml")
            let arguments = [
                "simulate", scenario, "--json", "--quiet", "--set", "seeds=[1]", "--set",
                "adaptation.methods=[uniform, uncertainty]", "--set", "adaptation.detection={enabled: false}",
                "--set", "adaptation.upload.budget={bytes: 0, samples: 100}",
            ]
            let run = try cluster.start(arguments, name: "streams")
            #expect(try await run.exitCode() == 0)
            let methods = try #require(try run.records().last?["methods"])
            for name in ["uniform", "uncertainty"] {
                #expect(methods[name]?["bytes_up"]?.number == 0)
                #expect(try #require(methods[name]?["accuracy"]?.number) > 0)
            }
        }
    }

    @Test(arguments: [
        "adaptation.methods=[magic]", "adaptation.upload.rate=2", "adaptation.upload.choice=best",
        "adaptation.stream.strengths=[9]", "adaptation.prompt=frame:99", "adaptation.calibration=hope",
    ])
    func whatCannotRunIsRefusedByName(option: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "streams.yaml")
            let run = try cluster.start(["simulate", scenario, "--quiet", "--set", option], name: "streams")
            #expect(try await run.exitCode() == 65)
        }
    }
}
