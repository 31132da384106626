// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a job leaves on disk.
@Suite(.fewAtATime)
struct InspectTests {
    @Test func theLastCheckpointHoldsTheModelOfTheJob() async throws {
        let job = TestJob(name: "inspected", rounds: 3, agents: 2)
        let elements = 785 * 32 + 33 * 10
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job, hasState: true)
            let digest = try #require(try await cluster.finish(name)["model_digest"]?.text)
            cluster.coordinator.send(SIGTERM)
            #expect(try await cluster.coordinator.exitCode() == 0)

            let checkpoint = "\(cluster.state)/jobs/\(name)/round-000003.safetensors"
            let model = try await cluster.command("inspect", checkpoint, "--json")
            #expect(model.code == 0)
            let record = try #require(try model.records().first)
            #expect(record["digest"]?.text == digest)
            #expect(record["elements"]?.integer == elements)
            let tensors = try #require(record["tensors"]?.list)
            #expect(
                tensors.map { $0["name"]?.text } == ["layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"]
            )
            #expect(tensors.allSatisfy { $0["finite"] == .bool(true) })

            // The same numbers for a reader of safetensors that is not ours.
            let values = try Self.readSafetensors(checkpoint, order: tensors.compactMap { $0["name"]?.text })
            #expect(values.count == elements)
            let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let stated = try #require(record["norm"]?.number)
            #expect(abs(norm - stated) < 1e-6 * norm)

            let state = try await cluster.command("inspect", cluster.state, "--json")
            #expect(state.code == 0)
            let journal = try #require(try state.records().first?["jobs"]?.list?.first)
            #expect(journal["phase"]?.text == "finished")
            let rounds = try #require(journal["rounds"]?.list)
            #expect(rounds.map { $0["round"]?.integer } == [1, 2, 3])
            #expect(rounds.allSatisfy { $0["updates"]?.integer == 2 })
            #expect(rounds.last?["model_digest"]?.text == digest)

            for agent in cluster.agents.values {
                agent.send(SIGTERM)
                #expect(try await agent.exitCode() == 0)
            }
            let outbox = try await cluster.command("inspect", cluster.folder.path("state-agent-1"), "--json")
            #expect(outbox.code == 0)
            #expect(try outbox.records().first?["outbox"]?.list == [], "all is durable, nothing is kept")
            let text = try await cluster.command("inspect", cluster.state)
            #expect(text.output.contains(digest))
        }
    }

    @Test func theSimulationsModelFileHasTheDigestOfItsReport() async throws {
        let job = TestJob(name: "written", rounds: 2, agents: 2)
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(job.scenario, to: "scenario.yaml")
            let file = cluster.folder.path("model.safetensors")
            let run = try await cluster.command("simulate", scenario, "--output", file, "--json", "--quiet")
            let model = try await cluster.command("inspect", file, "--json")
            #expect(try model.records().first?["digest"] == (try run.records().last?["model_digest"]))
        }
    }

    /// The elements of all tensors, as the format's own description has them: a length, a JSON header, the bytes.
    private static func readSafetensors(_ path: String, order: [String]) throws -> [Float] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = try JSONValue(parsing: String(decoding: data[8..<8 + length], as: UTF8.self))
        var values: [Float] = []
        for name in order {
            let tensor = try #require(header[name])
            #expect(tensor["dtype"]?.text == "F32")
            let offsets = try #require(tensor["data_offsets"]?.list).compactMap(\.integer)
            let count = try #require(tensor["shape"]?.list).compactMap(\.integer).reduce(1, *)
            #expect(offsets[1] - offsets[0] == 4 * count)
            let bytes = Array(data[(8 + length + offsets[0])..<(8 + length + offsets[1])])
            for start in stride(from: 0, to: bytes.count, by: 4) {
                let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
                values.append(Float(bitPattern: word))
            }
        }
        return values
    }
}
