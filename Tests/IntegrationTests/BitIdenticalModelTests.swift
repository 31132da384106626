// SPDX-License-Identifier: Apache-2.0

import Testing

/// One job, three ways: values passed in memory, a virtual network, and real processes over TCP.
@Suite(.fewAtATime)
struct BitIdenticalModelTests {
    static let jobs = [
        TestJob(name: "everyone", model: "{kind: softmax, input: [28, 28], classes: 10}"),
        TestJob(name: "partial-cohort", rounds: 6, round: "{cohort: 2}"),
        TestJob(
            name: "momentum-decay-dirichlet",
            seed: 5,
            training:
                "{local_epochs: 2, batch_size: 16, learning_rate: 0.05, momentum: 0.9, weight_decay: 0.001}",
            round: "{cohort: 3}",
            split: "dirichlet:0.5"
        ),
        TestJob(
            name: "server-learning-rate",
            seed: 6,
            training: "{local_epochs: 3, batch_size: 7, learning_rate: 0.1, maximum_steps: 20}",
            split: "shards:2",
            further: "strategy: {rule: fedavg, server_learning_rate: 0.7}\nevaluate_every: 2"
        ),
        TestJob(
            name: "layered-model",
            rounds: 2,
            agents: 3,
            model: "{kind: small-cnn, input: [28, 28], classes: 10, settings: {width: 4, dropout: 0.25}}",
            training: "{local_epochs: 2, batch_size: 16, learning_rate: 0.05, momentum: 0.5}",
            data: "glyphs?samples=150&test=30"
        ),
        TestJob(
            name: "classes-without-labels",
            rounds: 5,
            agents: 3,
            training: OpenWorldJobTests.training,
            data: OpenWorldJobTests.data,
            split: "rare:2",
            further: "strategy: fedossl"
        ),
    ]

    @Test(arguments: jobs)
    func fastSimulationProtocolSimulationAndProcessesMakeTheSameModel(job: TestJob) async throws {
        try await LocalCluster.with { cluster in
            let fast = try await cluster.simulatedDigest(of: job)
            #expect(fast.count == 32)
            #expect(try await cluster.simulatedDigest(of: job, mode: "protocol") == fast)
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            try cluster.startAgents(of: job)
            let status = try await cluster.finish(name)
            #expect(status["model_digest"]?.text == fast)
            #expect(status["round"]?.integer == job.rounds)
            #expect(status["refused_updates"]?.integer == 0)
        }
    }

    @Test func anotherSeedMakesAnotherModel() async throws {
        try await LocalCluster.with { cluster in
            var job = TestJob(rounds: 2)
            let first = try await cluster.simulatedDigest(of: job)
            job.seed += 1
            #expect(try await cluster.simulatedDigest(of: job) != first)
        }
    }
}
