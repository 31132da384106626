// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
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

            With --json the last line on standard output is one JSON object.

            Exit codes: 0 done; 1 the job failed; 65 unusable scenario or data; 66 a file cannot be read.
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

    @Option(help: ArgumentHelp("Write the final model to a safetensors file.", valueName: "file")) var output: String?

    @Flag(help: "End with one JSON object on standard output.") var json = false

    @Flag(help: "Show no progress.") var quiet = false

    func run() async throws {
        try await Failure.reporting {
            var all = overrides
            if let seed { all.append("seed=\(seed)") }
            if let threads { all.append("threads=\(threads)") }
            let scenario = try TextFile.decode(Scenario.self, at: self.scenario, overrides: all)
            let display = RoundDisplay(isQuiet: quiet)
            let result = try SimulationRun.run(scenario) { display.show($0) }
            if let output {
                try ModelFile.write(result.model, layout: result.layout, to: output, name: scenario.job.name)
            }
            let report = RunReport(
                result.status,
                mode: scenario.mode.rawValue,
                elapsed: result.elapsed,
                trainingElapsed: result.trainingElapsed,
                peakRSSMegabytes: RunReport.peakMegabytes()
            )
            Console.print(json ? try Format.json(report) : report.text)
            try Outcome.check(result.status)
        }
    }
}
