// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Reporting
import Simulation

/// The files that a simulation's results go to.
struct RunOutputs: ParsableArguments {
    @Option(help: ArgumentHelp("Write every round (of a sweep: every cell) to a CSV file.", valueName: "file"))
    var csv: String?

    @Option(
        name: .customLong("columns"),
        help: ArgumentHelp("Write the same as JSON by columns, ready for pandas and Parquet.", valueName: "file")
    )
    var columns: String?

    @Option(help: ArgumentHelp("Write a page with curves and tables that needs nothing else.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("Write the curve of accuracy against rounds.", valueName: "file")) var svg: String?

    @Option(help: ArgumentHelp("Write event files for TensorBoard.", valueName: "folder")) var tensorboard: String?

    @Option(help: ArgumentHelp("Write all that is known of the run as one JSON object.", valueName: "file"))
    var record: String?

    /// Writes the files of one run that were asked for.
    func write(_ record: RunRecord) throws {
        if let path = self.record { try OutputFile.write(try Format.json(record) + "\n", to: path) }
        if let csv { try OutputFile.write(record.table.csv, to: csv) }
        if let columns { try OutputFile.write(record.table.columnJSON, to: columns) }
        if let html { try OutputFile.write(HTMLReport(run: record).text, to: html) }
        guard let svg else { return }
        let group = RunGroup(name: record.name, runs: [record])
        guard let chart = RunCharts.accuracy([group], against: .rounds) else {
            throw Failure(.badInput, "nothing was evaluated, so '\(svg)' has no curve to show; see 'evaluate_every'")
        }
        try OutputFile.write(chart.svg, to: svg)
    }
}

/// TensorBoard's file of a run, written round by round.
final class LiveEvents {
    private let file: EventFile
    private var failure: (any Error)?

    init(folder: String) throws {
        file = try EventFile(folder: folder, wallTime: Self.now)
    }

    private static var now: Double { Date().timeIntervalSince1970 }

    /// Writes a round; an error waits for ``check()``.
    func add(_ round: SimulationResult.Round) {
        guard failure == nil else { return }
        let record = RoundRecord(round)
        do {
            try file.write(.scalars(record.scalars, step: record.round, wallTime: Self.now))
        } catch {
            failure = error
        }
    }

    /// Throws what went wrong on the way.
    func check() throws {
        if let failure { throw failure }
    }
}
