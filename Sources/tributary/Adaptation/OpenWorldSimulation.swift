// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Reporting
import Simulation
import Yams

/// Runs a scenario of clients with classes that nobody labelled, and tells what came of it.
struct OpenWorldSimulation {
    let scenario: OpenWorldScenario
    let outputs: RunOutputs
    let isQuiet: Bool
    let json: Bool

    /// Whether a file describes such a scenario.
    static func recognizes(_ node: Node) -> Bool { node[OpenWorldScenario.key] != nil }

    func run() async throws {
        guard outputs.tensorboard == nil else {
            throw Failure(.badInput, "--tensorboard goes with a job; use --csv, --html or --svg")
        }
        let threads = scenario.threads > 0 ? scenario.threads : ProcessorCount.available
        let (isQuiet, total) = (isQuiet, scenario.rounds)
        let result = try await OpenWorldRun.run(scenario, threads: threads) { progress in
            guard !isQuiet, let last = progress.rounds.last else { return }
            Console.error(
                "seed \(progress.seed)  \(Format.column(progress.method.rawValue, 14, left: true))"
                    + "round \(progress.rounds.count)/\(total)  accuracy \(Format.decimals(last.all, 4))"
                    + "  seen \(Format.decimals(last.seen, 4))  unseen \(Format.decimals(last.unseen, 4))"
                    + "  rare \(Format.decimals(last.rare, 4))"
            )
        }
        try write(result)
        Console.print(json ? try Format.json(result) : table(result).markdown)
    }

    private func write(_ result: OpenWorldResult) throws {
        if let path = outputs.record { try OutputFile.write(try Format.json(result) + "\n", to: path) }
        if let path = outputs.csv { try OutputFile.write(rounds(result).csv, to: path) }
        if let path = outputs.columns { try OutputFile.write(rounds(result).columnJSON, to: path) }
        if let path = outputs.svg { try OutputFile.write(chart(result).svg, to: path) }
        guard let path = outputs.html else { return }
        var page = HTMLReport(title: result.name)
        page.table(table(result), caption: "Mean and standard deviation over the seeds, after the last round")
        page.figure(svg: chart(result).svg)
        try OutputFile.write(page.text, to: path)
    }

    private func table(_ result: OpenWorldResult) -> ResultTable {
        let rows = scenario.methods.compactMap { method in
            result.methods[method.rawValue].map { (method.rawValue, $0) }
        }
        func column(_ name: String, _ part: (OpenWorldResult.Accuracy) -> Double) -> [ResultTable.Column] {
            func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
            return [
                .init(name, .real(rows.map { rounded(part($0.1.mean)) })),
                .init("\(name)_spread", .real(rows.map { rounded(part($0.1.spread)) })),
            ]
        }
        return ResultTable(
            [.init("method", .text(rows.map(\.0)))] + column("all", \.all) + column("seen", \.seen)
                + column("unseen", \.unseen) + column("rare", \.rare)
        )
    }

    private func rounds(_ result: OpenWorldResult) -> ResultTable {
        let rows = result.runs.flatMap { run in run.rounds.enumerated().map { (run, $0.offset, $0.element) } }
        return ResultTable([
            .init("method", .text(rows.map(\.0.method.rawValue))),
            .init("seed", .integer(rows.map { Int64(truncatingIfNeeded: $0.0.seed) })),
            .init("round", .integer(rows.map { Int64($0.1 + 1) })),
            .init("all", .real(rows.map(\.2.all))),
            .init("seen", .real(rows.map(\.2.seen))),
            .init("unseen", .real(rows.map(\.2.unseen))),
            .init("rare", .real(rows.map(\.2.rare))),
        ])
    }

    private func chart(_ result: OpenWorldResult) -> LineChart {
        LineChart(
            title: result.name,
            labels: (x: "round", y: "accuracy over all classes"),
            series: scenario.methods.map { method in
                ChartSeries(
                    name: method.rawValue,
                    runs: result.runs.filter { $0.method == method }.map { run in
                        run.rounds.enumerated().map { .init(x: Double($0.offset + 1), y: $0.element.all) }
                    }
                )
            }
        )
    }
}
