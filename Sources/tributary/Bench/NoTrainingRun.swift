// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Operations
import Rounds

/// Runs a job without training over real processes and takes the time of each round.
struct NoTrainingRun {
    /// What was measured.
    struct Result {
        /// The time from one commit to the next, as an operator sees them; the first from the job's submission.
        var roundSeconds: [Double]
        var coordinatorPeakMegabytes: Double
        var agentPeakMegabytes: Double

        /// The rounds after the first.
        var steady: [Double] { roundSeconds.count > 1 ? Array(roundSeconds.dropFirst()) : roundSeconds }
    }

    let elements: Int
    let agents: Int
    let rounds: Int

    func run() async throws -> Result {
        let federation = try LocalFederation()
        defer { federation.stop() }
        for number in 1...agents {
            try federation.startAgent(AgentID(number: number, of: agents).name, data: "none")
        }
        let loop = EventLoop(name: "bench")
        try loop.start()
        let client = try await federation.client(on: loop)
        try await waitForAgents(federation, on: loop)
        let clock = ContinuousClock()
        var last = clock.now
        var seconds: [Double] = []
        let submitted = try await client.submit(specification)
        var final = submitted
        for try await event in await client.watch(submitted.job) {
            final = event.status
            guard event.kind == .roundCommitted else { continue }
            seconds.append(Format.number(clock.now - last))
            last = clock.now
        }
        await client.close()
        try Outcome.check(final)
        federation.stop()
        return Result(
            roundSeconds: seconds,
            coordinatorPeakMegabytes: federation.coordinator.peakMegabytes,
            agentPeakMegabytes: federation.agents.map(\.peakMegabytes).max() ?? 0
        )
    }

    /// Waits until all agents are connected, by a job that only gathers them: it is watched, not polled.
    private func waitForAgents(_ federation: LocalFederation, on loop: EventLoop) async throws {
        let client = try await federation.client(on: loop)
        var warmUp = specification
        warmUp.name = "warm-up"
        warmUp.rounds = 1
        warmUp.model.elements = 1
        let submitted = try await client.submit(warmUp)
        for try await _ in await client.watch(submitted.job) {}
        await client.close()
    }

    private var specification: JobSpecification {
        JobSpecification(
            name: "bench",
            rounds: rounds,
            minimumAgents: agents,
            model: ModelSpecification(kind: "vector", elements: elements),
            training: TrainingSpecification(trainer: "none"),
            evaluateEvery: 0
        )
    }
}
