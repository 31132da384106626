// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Clients with classes that nobody labelled, from the command line.
@Suite(.fewAtATime)
struct OpenWorldSimulationTests {
    private static let scenario = """
        name: open
        seeds: [1]
        open_world:
          data: "glyphs?samples=240&test=60"
          model: {kind: mlp, hidden: [16]}
          clients: 2
          rounds: 3
          samples: 240
          batch_size: 32
          rare_classes: 2
          local_centroids: 8
          warm_up: 1
          supervised_rounds: 1
        """

    @Test func everyMethodIsMeasuredAndTheSeedDecides() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "open.yaml")
            let results = try await [1, 2].asyncMap { threads in
                let run = try cluster.start(
                    [
                        "simulate", scenario, "--json", "--quiet", "--set", "threads=\(threads)", "--csv",
                        cluster.folder.path("open.csv"),
                    ],
                    name: "open\(threads)"
                )
                #expect(try await run.exitCode() == 0)
                return try #require(try run.records().last)
            }
            #expect(results[0] == results[1])
            let methods = try #require(results[0]["methods"])
            #expect(methods.keys == ["supervised", "self-training", "suppressed", "calibrated", "fedossl"])
            let means = methods.keys.compactMap { methods[$0]?["mean"]?["seen"]?.number }
            #expect(means.count == 5 && means.allSatisfy { $0 > 0 && $0 <= 1 } && Set(means).count > 1)
            let text = try String(contentsOfFile: cluster.folder.path("open.csv"), encoding: .utf8)
            #expect(text.components(separatedBy: "\r\n").filter { !$0.isEmpty }.count == 1 + 5 * 3)
        }
    }

    @Test(arguments: ["methods=[magic]", "seen_classes=11", "base=0", "clients=0", "unknown=1"])
    func whatCannotRunIsRefused(option: String) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.scenario, to: "open.yaml")
            let run = try cluster.start(
                ["simulate", scenario, "--quiet", "--set", "open_world.\(option)"],
                name: "open"
            )
            #expect(try await run.exitCode() == 65)
        }
    }
}

extension Array {
    /// The values of an asynchronous function, one after the other.
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
