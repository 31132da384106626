// SPDX-License-Identifier: Apache-2.0

import Adaptation
import ArgumentParser
import FoundationEssentials
import Learning
import Reporting
import Rounds
import Simulation
import Yams

/// Runs a scenario file.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate a federation on this machine.",
        discussion: """
            Mode fast passes values and trains the clients on all cores. Mode protocol runs the coordinator's and the \
            agents' own state machines over a virtual network and clock, with real encoded bytes. Both, and a \
            real run over TCP, give the same final model, bit for bit.

            Example: tributary simulate Simulations/quickstart.yaml --set mode=protocol --seed 7

            Convolutions and dense layers train on own kernels; with --kernels onednn, in mode fast, on oneDNN's, in a \
            program built with TRIBUTARY_DNNL=1: for comparison.

            With --sweep every combination of values is a run, and the table has mean and standard deviation over the \
            seeds. Finished runs are kept: the same command goes on with an interrupted sweep.

            Example: tributary simulate Simulations/quickstart.yaml --sweep strategy=fedavg,fedld lr=0.1,0.2 seed=1..3

            A file with the key 'adaptation' simulates devices on drifting streams that adapt with a cloud.

            Example: tributary simulate Simulations/continual-adaptation.yaml --html streams.html

            Several processes share one simulation under mpirun, in a program built with TRIBUTARY_MPI=1; the model \
            has the same bits.

            Example: mpirun -n 4 tributary simulate Simulations/quickstart.yaml --threads 1

            With --json the last line on standard output is one JSON object.

            Exit codes: 0 done; 1 the job failed; 65 unusable scenario or data; 66 a file cannot be read; 74 a result \
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

    @Option(help: ArgumentHelp("Whose kernels train: own or onednn (mode fast).", valueName: "own|onednn"))
    var kernels: String?

    @Flag(help: "Decompose each round's loss into its local, distribution-shift and aggregation parts.")
    var diagnose = false

    @Option(help: ArgumentHelp("What the job aims at; the summary tells what it cost.", valueName: "accuracy=A"))
    var target: String?

    @Flag(help: "End the job with the first round that reached the target.") var stopAtTarget = false

    @Option(help: ArgumentHelp("Keep what is needed to go on in a folder (mode fast).", valueName: "folder"))
    var checkpoint: String?

    @Option(help: ArgumentHelp("Rounds between two checkpoints.", valueName: "rounds")) var checkpointEvery = 10

    @OptionGroup(title: "Results") var outputs: RunOutputs

    @OptionGroup(title: "Sweeps") var sweep: SweepOptions

    @Option(help: ArgumentHelp("Write the final model to a safetensors file.", valueName: "file")) var output: String?

    @Option(
        help: ArgumentHelp(
            "With 'adaptation': write models, streams, job and policy instead, to run the same with agents.",
            valueName: "folder"
        )
    )
    var export: String?

    @Flag(help: "End with one JSON object on standard output.") var json = false

    @Flag(help: "Show no progress.") var quiet = false

    func run() async throws {
        try await Failure.reporting {
            try await RankedRun.run { ranks in
                if sweep.isSweep {
                    guard ranks.count == 1 else {
                        throw Failure(.badInput, "a sweep runs in one process; spread it with --jobs, not with mpirun")
                    }
                    return try await runSweep()
                }
                let node = try TextFile.node(at: scenario, overrides: allOverrides)
                if AdaptationSimulation.recognizes(node) {
                    guard ranks.count == 1 else {
                        throw Failure(
                            .badInput,
                            "a scenario with 'adaptation' runs in one process; start it without mpirun"
                        )
                    }
                    return try await runAdaptation(node)
                }
                guard export == nil else { throw Failure(.badInput, "--export goes with a file that has 'adaptation'") }
                try runSingle(ScenarioFile.read(node, path: scenario), ranks)
            }
        }
    }

    private func runSingle(_ scenario: Scenario, _ ranks: any SimulationRanks) throws {
        let checkpoints = try checkpointFolder
        guard ranks.rank == 0 else {
            _ = try SimulationRun.run(scenario, ranks: ranks, checkpoints: checkpoints)
            return
        }
        let display = RoundDisplay(isQuiet: quiet)
        let events = try outputs.tensorboard.map { try LiveEvents(folder: $0) }
        let result = try SimulationRun.run(
            scenario,
            ranks: ranks,
            checkpoints: checkpoints,
            observer: { display.show($0) },
            onRound: { events?.add($0) }
        )
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
            startSeconds: result.firstTask.flatMap { ProcessSample.age(at: $0) },
            threads: scenario.threads > 0 ? scenario.threads : ProcessorCount.available,
            kernels: scenario.kernels.rawValue
        )
        Console.print(json ? try Format.json(report) : report.text)
        try Outcome.check(result.status)
    }

    private var checkpointFolder: CheckpointFolder? {
        get throws {
            guard checkpointEvery > 0 else { throw Failure(.badInput, "--checkpoint-every takes 1 round or more") }
            guard let checkpoint else {
                guard sweep.resume == nil else {
                    throw Failure(.badInput, "--resume goes with --checkpoint FOLDER, or with a sweep")
                }
                return nil
            }
            return try CheckpointFolder(checkpoint, everyRounds: checkpointEvery, resumes: sweep.resume ?? false)
        }
    }

    private func runAdaptation(_ node: Node) async throws {
        guard output == nil else {
            throw Failure(.badInput, "a simulation of streams has many models; --output goes with a job")
        }
        let parsed = try TextFile.decode(AdaptationScenario.self, from: node, path: scenario)
        if let export {
            let folder = URL(filePath: export).path
            return try AdaptationExporter(scenario: parsed, node: node, folder: folder, isQuiet: quiet).run()
        }
        let simulation = AdaptationSimulation(
            scenario: parsed,
            outputs: outputs,
            isQuiet: quiet,
            json: json
        )
        try await simulation.run()
    }

    private func runSweep() async throws {
        guard output == nil, outputs.record == nil, checkpoint == nil else {
            throw Failure(
                .badInput,
                "a sweep has many models and runs; --output, --record and --checkpoint go with a single one"
            )
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
            if let kernels { all.append("kernels=\(kernels)") }
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
