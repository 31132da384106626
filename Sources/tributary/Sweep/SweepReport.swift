// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Reporting

/// A sweep's tables, curves and page.
struct SweepReport {
    let name: String
    let results: SweepResults
    let choice: SweepTuning.Choice?
    let seeds: [UInt64]?
    let folder: String
    let resumedCount: Int
    let elapsed: Duration

    /// Writes everything to the sweep's folder.
    func write(to folder: String) throws {
        try OutputFile.write(results.cellTable.csv, to: "\(folder)/cells.csv")
        try OutputFile.write(results.roundTable.csv, to: "\(folder)/rounds.csv")
        try OutputFile.write(results.summaryTable.csv, to: "\(folder)/summary.csv")
        try OutputFile.write(json + "\n", to: "\(folder)/summary.json")
        try OutputFile.write(tables + "\n", to: "\(folder)/summary.md")
        try OutputFile.write(page, to: "\(folder)/report.html")
        for (suffix, chart) in charts { try OutputFile.write(chart.svg, to: "\(folder)/accuracy\(suffix).svg") }
    }

    /// Writes the files that were asked for.
    func write(_ outputs: RunOutputs) throws {
        if let csv = outputs.csv { try OutputFile.write(results.cellTable.csv, to: csv) }
        if let columns = outputs.columns { try OutputFile.write(results.cellTable.columnJSON, to: columns) }
        if let html = outputs.html { try OutputFile.write(page, to: html) }
        if let svg = outputs.svg {
            guard let chart = RunCharts.accuracy(results.groups.map(\.runs), against: .rounds) else {
                throw Failure(
                    .badInput,
                    "nothing was evaluated, so '\(svg)' has no curve to show; see 'evaluate_every'"
                )
            }
            try OutputFile.write(chart.svg, to: svg)
        }
        guard let tensorboard = outputs.tensorboard else { return }
        let begin = Date().timeIntervalSince1970
        for entry in results.entries {
            guard let run = entry.run else { continue }
            let group = Self.fileName(entry.cell.groupName)
            let file = try EventFile(folder: "\(tensorboard)/\(group)/seed-\(run.seed)", wallTime: begin)
            for round in run.rounds {
                try file.write(.scalars(round.scalars, step: round.round, wallTime: begin + round.seconds))
            }
        }
    }

    /// Accuracy against rounds: one chart, or one for each row.
    private var charts: [(suffix: String, chart: LineChart)] {
        let rows = results.rows
        guard rows.count > 1 else {
            return rows.compactMap { RunCharts.accuracy($0.groups, against: .rounds) }.map { ("", $0) }
        }
        return rows.compactMap { row in
            guard var chart = RunCharts.accuracy(row.groups, against: .rounds) else { return nil }
            chart.title = row.name
            return ("-\(Self.fileName(row.name))", chart)
        }
    }

    private static func fileName(_ name: String) -> String {
        let kept = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" }
        return String(kept).split(separator: "-").joined(separator: "-")
    }

    private var notes: [String] {
        let seeds = seeds.map { "Seeds \($0.map(String.init).joined(separator: ", "))." }
        return [seeds, choice?.note].compactMap { $0 }
    }

    private var page: String {
        var page = HTMLReport(title: name, sweep: results, notes: notes)
        if let choice {
            page.heading("Tuning")
            page.table(choice.table, caption: "Every candidate")
        }
        return page.text
    }

    /// The tables in Markdown.
    private var tables: String {
        var parts = notes
        for figure in [SweepResults.Figure.accuracy, .roundsToTarget, .secondsToTarget] {
            guard let table = results.pivot(figure) else { continue }
            if figure.name.hasSuffix("_to_target"), !results.hasTarget { continue }
            parts.append("\(figure.name), mean ± sample standard deviation:\n\n\(table.markdown)")
        }
        parts.append("All figures:\n\n\(results.displayTable.markdown)")
        if let choice { parts.append("Tuning:\n\n\(choice.table.markdown)") }
        return parts.joined(separator: "\n\n")
    }

    /// The report for people.
    var text: String {
        """
        \(tables)

        \(results.entries.count) runs in \(Format.seconds(elapsed)), \(resumedCount) of them before; \
        tables, curves and page in \(folder)
        """
    }

    /// The report for programs.
    var json: String {
        let figures = [
            "\"name\":\(ResultTable.jsonText(name))", "\"folder\":\(ResultTable.jsonText(folder))",
            "\"cells\":\(results.entries.count)", "\"failed\":\(results.failedCount)", "\"resumed\":\(resumedCount)",
            "\"seconds\":\(Format.number(elapsed))", "\"summary\":\(results.summaryTable.columnJSON)",
        ]
        let tuning = choice.map { ["\"tuning\":\($0.table.columnJSON)"] } ?? []
        return "{" + (figures + tuning).joined(separator: ",") + "}"
    }
}
