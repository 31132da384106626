// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Reporting

/// Runs a sweep from its options to its tables.
struct SweepRun {
    let scenario: SweepScenario
    let options: SweepOptions
    let outputs: RunOutputs
    let threads: Int
    let isQuiet: Bool
    let json: Bool

    func run() async throws {
        let begin = ContinuousClock.now
        let file = try options.sweepFile.map { try SweepFile(at: $0) } ?? SweepFile()
        let axes = try options.sweep.map { try SweepAxis(parsing: $0) }
        let plan = try file.cells(further: axes)
        let seeds = try Self.seeds(file, axes)
        // Everything is read and checked before the first cell runs.
        _ = try plan.map { try scenario.job($0.cell) }
        let tuning = try file.tuning.map { try SweepTuning(file, $0, plan) }
        _ = try tuning?.cells.map(scenario.job)
        let folder = try SweepFolder(
            options.sweepDir ?? "\(scenario.name)-sweep",
            scenario: scenario,
            resumes: options.resume ?? true
        )
        let interruption = Interruption()
        try interruption.watch {}
        let runner = SweepRunner(
            folder,
            jobs: options.jobs,
            threads: threads,
            interruption: interruption,
            isQuiet: isQuiet
        )
        var cells = plan.map(\.cell)
        if let tuning {
            let entries = try await runner.run(try tuning.cells.map(scenario.job), title: "tuning")
            let choice = tuning.choose(SweepResults(entries))
            try OutputFile.write(choice.table.csv, to: "\(folder.path)/tuning.csv")
            cells = choice.cells
            try await finish(runner, cells, seeds, folder, choice, begin)
        } else {
            try await finish(runner, cells, seeds, folder, nil, begin)
        }
    }

    private static func seeds(_ file: SweepFile, _ axes: [SweepAxis]) throws -> [UInt64]? {
        let given = axes.first { $0.key == "seed" } ?? file.axes.first { $0.key == "seed" }
        return try given.map { try SweepPlan.seeds($0) } ?? file.seeds
    }

    private func finish(
        _ runner: SweepRunner,
        _ cells: [SweepCell],
        _ seeds: [UInt64]?,
        _ folder: SweepFolder,
        _ choice: SweepTuning.Choice?,
        _ begin: ContinuousClock.Instant
    ) async throws {
        let jobs = try (seeds.map { SweepPlan.seeded(cells, $0) } ?? cells).map(scenario.job)
        let results = SweepResults(try await runner.run(jobs, title: "sweep"))
        let report = SweepReport(
            name: scenario.name,
            results: results,
            choice: choice,
            seeds: seeds,
            folder: folder.path,
            resumedCount: runner.resumedCount,
            elapsed: ContinuousClock.now - begin
        )
        try report.write(to: folder.path)
        try report.write(outputs)
        Console.print(json ? report.json : report.text)
        guard results.failedCount == 0 else {
            let what = "\(results.failedCount) of \(results.entries.count) runs did not finish"
            throw Failure(
                .jobFailed,
                "\(what); see \(folder.path)/cells, the same command tries those that crashed again"
            )
        }
    }
}
