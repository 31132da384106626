// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Reporting
import Rounds
import Simulation

/// Runs a scenario file.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate a federation on this machine.",
        discussion: """
            Mode fast passes values and trains the clients on all cores. Mode protocol runs the coordinator's and the
            agents' own state machines over a virtual network and clock, with real encoded bytes. Both, and a
            real run over TCP, give the same final model, bit for bit.

            Example: tributary simulate Simulations/quickstart.yaml --set mode=protocol --seed 7

            With --sweep every combination of values is a run, and the table has mean and standard deviation over the
            seeds. Finished runs are kept: the same command goes on with an interrupted sweep.

            Example: tributary simulate Simulations/quickstart.yaml --sweep strategy=fedavg,fedld lr=0.1,0.2 seed=1..3

            With --json the last line on standard output is one JSON object.

            Exit codes: 0 done; 1 the job failed; 65 unusable scenario or data; 66 a file cannot be read; 74 a result
            cannot be written.
            """
    )

    @Argument(help: ArgumentHelp("The scenario file (YAML).", valueName: "scenario.yaml")) var scenario: String

    @Option(help: "The seed of the job; overrides the file's.") var seed: UInt64?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Override a key, as in training.learning_rate=0.1; may be repeated.", valueName: "key=value")
    )
    var overrides: [String] = []

    @Option(help: "Threads that train; 0 for one a core.") var threads: Int?

    @Flag(help: "Decompose each round's loss into its local, distribution-shift and aggregation parts.")
    var diagnose = false

    @Option(help: ArgumentHelp("What the job aims at; the summary tells what it cost.", valueName: "accuracy=A"))
    var target: String?

    @Flag(help: "End the job with the first round that reached the target.") var stopAtTarget = false

    @OptionGroup(title: "Results") var outputs: RunOutputs

    @OptionGroup(title: "Sweeps") var sweep: SweepOptions

    @Option(help: ArgumentHelp("Write the final model to a safetensors file.", valueName: "file")) var output: String?

    @Flag(help: "End with one JSON object on standard output.") var json = false

    @Flag(help: "Show no progress.") var quiet = false

    func run() async throws {
        try await Failure.reporting {
            if sweep.isSweep { return try await runSweep() }
            let scenario = try ScenarioFile.read(self.scenario, overrides: allOverrides)
            let display = RoundDisplay(isQuiet: quiet)
            let events = try outputs.tensorboard.map { try LiveEvents(folder: $0) }
            let result = try SimulationRun.run(scenario, observer: { display.show($0) }, onRound: { events?.add($0) })
            if let output {
                try ModelFile.write(result.model, layout: result.layout, to: output, name: scenario.job.name)
            }
            let record = RunRecord(result, of: scenario)
            try outputs.write(record)
            try events?.check()
            let report = RunReport(
                result.status,
                mode: scenario.mode.rawValue,
                elapsed: result.elapsed,
                trainingElapsed: result.trainingElapsed,
                peakRSSMegabytes: record.peakMegabytes,
                record: record,
                pace: result.pace,
                startSeconds: result.firstTask.flatMap { ProcessSample.age(at: $0) }
            )
            Console.print(json ? try Format.json(report) : report.text)
            try Outcome.check(result.status)
        }
    }

    private func runSweep() async throws {
        guard output == nil, outputs.record == nil else {
            throw Failure(.badInput, "a sweep has many models and runs; --output and --record go with a single one")
        }
        let run = SweepRun(
            scenario: try SweepScenario(at: scenario, overrides: allOverrides),
            options: sweep,
            outputs: outputs,
            threads: threads ?? 0,
            isQuiet: quiet,
            json: json
        )
        try await run.run()
    }

    /// The overrides of all options, in the order in which they win.
    private var allOverrides: [String] {
        get throws {
            var all = overrides
            if let seed { all.append("seed=\(seed)") }
            if let threads { all.append("threads=\(threads)") }
            if diagnose { all.append("diagnose=true") }
            if let target {
                guard target.hasPrefix("accuracy=") else {
                    throw Failure(.badInput, "--target takes accuracy=A, as in accuracy=0.9, not '\(target)'")
                }
                all.append("target.\(target)")
            }
            if stopAtTarget { all.append("target.stop=true") }
            return all
        }
    }
}
