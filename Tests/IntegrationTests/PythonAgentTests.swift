// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A client that was written in another language from `Protocols/` alone takes part.
@Suite(.fewAtATime)
struct PythonAgentTests {
    @Test(
        .enabled(if: Program.python != nil, "SKIPPED: TRIBUTARY_PYTHON names no interpreter; see Tests/Python/setup.sh")
    )
    func aPythonAgentAndASwiftAgentTrainOneModel() async throws {
        let python = try #require(Program.python)
        let job = TestJob(
            name: "two-languages",
            rounds: 4,
            agents: 2,
            model: "{kind: softmax, input: [28, 28], classes: 10}"
        )
        let updateBytes = 4 * 785 * 10
        try await LocalCluster.with { cluster in
            let data = cluster.folder.path("part.npz")
            let script = """
                import sys, numpy as np
                g = np.random.default_rng(1)
                y = np.arange(200) % 10
                x = g.random((200, 28, 28)).astype(np.float32) * 0.1
                x[np.arange(200), y, :] += 1
                np.savez(sys.argv[1], x=x, y=y)
                """
            let writer = try cluster.start(["-c", script, data], executable: python, name: "npz")
            #expect(try await writer.exitCode() == 0, "\(writer.errors)")
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgent("agent-1", data: job.data(of: "agent-1"))
            let other = try cluster.start(
                [Program.pythonAgent, "--connect", cluster.address, "--id", "python-1", "--data", data]
                    + ["--rounds", "\(job.rounds)", "--drop-after", "\(updateBytes / 2)"],
                executable: python,
                name: "python"
            )
            let status = try await cluster.finish(name)
            #expect(status["accepted_updates"]?.integer == 2 * job.rounds)
            #expect(status["refused_updates"]?.integer == 0)
            #expect(try #require(status["loss"]?.number) < log(10), "better than guessing")
            #expect(try await other.exitCode() == 0, "\(other.errors)")
            for round in 1...job.rounds { #expect(other.output.contains("round \(round) accepted")) }
            let uploads = other.outputLines.filter { $0.hasPrefix("sends round 1 from byte ") }
            #expect(uploads.first == "sends round 1 from byte 0 of \(updateBytes)")
            #expect(uploads.count == 2, "broken off once")
            #expect(uploads.last != uploads.first, "and resumed at its offset")
        }
    }
}
