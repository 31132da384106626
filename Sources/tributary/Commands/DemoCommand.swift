// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EventLoop
import Learning
import Operations
import Rounds

/// Trains a real model over real sockets with one command.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Train a model with a coordinator and agents on this machine.",
        discussion: """
            Starts a coordinator and agents as processes of their own that talk over TCP, trains a small network on
            procedurally drawn glyphs (10 classes, nothing to download), and shows what came out.

            Example: tributary demo --agents 5 --rounds 10

            With --json the last line on standard output is one JSON object.

            Exit codes: 0 done; 1 the job failed; 65 unusable data; 66 data cannot be read; 70 a process could not
            be started.
            """
    )

    @Option(help: "The number of agents.") var agents = 5
    @Option(help: "The number of rounds.") var rounds = 10
    @Option(help: "The seed of the job.") var seed: UInt64 = 1
    @Option(
        help: ArgumentHelp(
            "The samples, dealt to the agents: glyphs, idx:DIR, npz:FILE, csv:FILE or text:FILE.",
            valueName: "spec"
        )
    )
    var data = "glyphs"
    @Option(help: ArgumentHelp("Keep state and logs in this folder.", valueName: "dir")) var state: String?
    @Flag(help: "End with one JSON object on standard output.") var json = false
    @Flag(help: "Show no progress.") var quiet = false

    func validate() throws {
        guard agents >= 1, agents <= 500 else { throw ValidationError("--agents takes 1 to 500") }
        guard rounds >= 1 else { throw ValidationError("--rounds takes 1 or more") }
    }

    func run() async throws {
        try await Failure.reporting {
            let clock = ContinuousClock()
            let begin = clock.now
            // Agents that cannot read their data end at once; better to hear of it here.
            _ = try DataSpecification(parsing: data).load()
            let federation = try LocalFederation(directory: state)
            defer { federation.stop() }
            let interruption = Interruption()
            try interruption.watch { federation.interrupt() }
            let separator = data.contains("?") ? "&" : "?"
            for number in 1...agents {
                let name = AgentID(number: number, of: agents).name
                try federation.startAgent(name, data: "\(data)\(separator)part=\(number)/\(agents)")
            }
            let last: JobStatus
            do {
                last = try await follow(federation)
            } catch {
                throw interruption.hasHappened ? Failure(.jobCancelled, "interrupted") : error
            }
            let elapsed = clock.now - begin
            federation.stop()
            let report = RunReport(
                last,
                mode: "tcp",
                elapsed: elapsed,
                trainingElapsed: last.trainingTime,
                peakRSSMegabytes: federation.coordinator.peakMegabytes
            )
            Console.print(json ? try Format.json(report) : report.text)
            try Outcome.check(last)
        }
    }

    private func follow(_ federation: LocalFederation) async throws -> JobStatus {
        let loop = EventLoop(name: "demo")
        try loop.start()
        let client = try await federation.client(on: loop)
        let submitted = try await client.submit(specification)
        let display = RoundDisplay(isQuiet: quiet)
        var last = submitted
        for try await event in await client.watch(submitted.job) {
            last = event.status
            display.show(event)
            if event.kind == .status, let trouble = federation.failedAgent { throw Failure(.software, trouble) }
        }
        await client.close()
        return last
    }

    private var specification: JobSpecification {
        JobSpecification(
            name: "demo",
            seed: seed,
            rounds: rounds,
            minimumAgents: agents,
            model: ModelSpecification(kind: "mlp", hidden: [128]),
            training: TrainingSpecification(localEpochs: 2, batchSize: 32, learningRate: 0.2)
        )
    }
}
