// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Updates that must not count: each is refused with its stable reason, and the model is that of the honest agents.
@Suite(.fewAtATime)
struct HostileUpdateTests {
    /// What an agent does to its update, and the reason that its log shows.
    private static let reasons = [
        "nan": "REASON_NOT_FINITE", "infinite": "REASON_NOT_FINITE", "loss": "REASON_NOT_FINITE",
        "norm": "REASON_NORM_TOO_LARGE", "weightless": "REASON_INVALID_WEIGHT", "negative": "REASON_INVALID_WEIGHT",
        "heavy": "REASON_INVALID_WEIGHT", "short": "REASON_WRONG_SIZE", "empty": "REASON_WRONG_SIZE",
        "codec": "REASON_WRONG_CODEC", "digest": "REASON_DIGEST_MISMATCH",
    ]

    private static let script = """
        import os, struct, sys, threading
        tests, address, data, *kinds = sys.argv[1:]
        sys.path.insert(0, tests)
        import minimal_agent as base
        import xxhash

        class Hostile(base.Agent):
            def offer(self, name):
                offer, data = self.outbox[name]
                count, kind = len(data) // 4, self.options.id
                words = {"nan": float("nan"), "infinite": float("inf"), "norm": 1e30}
                if kind in words:
                    data = struct.pack("<f", words[kind]) * count
                if kind == "short":
                    data = data[:-4]
                if kind == "empty":
                    data = b""
                offer.digest = xxhash.xxh3_128(data).digest()
                offer.byte_count = len(data)
                offer.weight = {"weightless": 0.0, "negative": -5.0, "heavy": 1e300}.get(kind, offer.weight)
                if kind == "loss":
                    offer.loss = float("nan")
                if kind == "codec":
                    offer.codec = "bf16"
                if kind == "digest":
                    offer.digest = bytes(16)
                self.outbox[name] = (offer, data)
                super().offer(name)

            def judged(self, verdict):
                reason = base.pb.ReasonCode.Name(verdict.reason)
                # In one piece: the other threads write too.
                os.write(2, f"{self.options.id}: {verdict.is_accepted} {reason}\\n".encode())
                super().judged(verdict)

        class Options:
            rounds, drop_after, patience = None, None, 20

        def work(kind):
            options = Options()
            options.id, options.connect = kind, base.address(address)
            Hostile(options, base.Samples(data)).run()

        threads = [threading.Thread(target=work, args=(kind,)) for kind in kinds]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """

    @Test(
        .enabled(if: Program.python != nil, "SKIPPED: TRIBUTARY_PYTHON names no interpreter; see Tests/Python/setup.sh")
    )
    func updatesThatMustNotCountAreRefusedAndChangeNothing() async throws {
        let python = try #require(Program.python)
        let reasons = Self.reasons
        let honest = TestJob(
            name: "honest",
            rounds: 3,
            agents: 2,
            model: "{kind: softmax, input: [28, 28], classes: 10}"
        )
        var job = honest
        job.minimumAgents = 2 + reasons.count
        job.round = "{quorum: 0.1}"
        job.further = "admission: {maximum_norm: 1000}"
        try await LocalCluster.with { cluster in
            let undisturbed = try await cluster.simulatedDigest(of: honest)
            let data = cluster.folder.path("part.npz")
            let samples =
                "import sys, numpy as np; np.savez(sys.argv[1], x=np.ones((20, 28, 28)), y=np.arange(20) % 10)"
            let writer = try cluster.start(["-c", samples, data], executable: python, name: "npz")
            #expect(try await writer.exitCode() == 0, "\(writer.errors)")
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: honest)
            let tests = Program.testsFolder.appendingPathComponent("Python").path
            let hostile = try cluster.start(
                ["-c", Self.script, tests, cluster.address, data] + reasons.keys.sorted(),
                executable: python,
                name: "hostile"
            )
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == undisturbed)
            #expect(status["accepted_updates"]?.integer == 2 * job.rounds)
            #expect(status["refused_updates"]?.integer == reasons.count * job.rounds)
            for (kind, reason) in reasons {
                let answers = hostile.errorLines.filter { $0.hasPrefix("\(kind): ") }
                #expect(answers.count == job.rounds, "\(kind): \(answers)")
                #expect(answers.allSatisfy { $0 == "\(kind): False \(reason)" }, "\(answers)")
            }
        }
    }
}
