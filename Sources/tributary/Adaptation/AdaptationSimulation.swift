// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Reporting
import Simulation
import Yams

/// Runs a scenario of cloud and devices on drifting streams, and tells what came of it.
struct AdaptationSimulation {
    let scenario: AdaptationScenario
    let outputs: RunOutputs
    let isQuiet: Bool
    let json: Bool

    /// Whether a file describes such a scenario.
    static func recognizes(_ node: Node) -> Bool { node[AdaptationScenario.key] != nil }

    func run() async throws {
        guard outputs.tensorboard == nil else {
            throw Failure(.badInput, "a stream has no rounds for --tensorboard; use --csv, --html or --svg")
        }
        let display = AdaptationDisplay(isQuiet: isQuiet)
        let threads = scenario.threads > 0 ? scenario.threads : ProcessorCount.available
        let result = try await AdaptationRun.run(scenario, threads: threads) { display.show($0) }
        display.end()
        let tables = AdaptationTables(result, methods: scenario.methods)
        try write(result, tables)
        Console.print(json ? try Format.json(result) : tables.text)
    }

    private func write(_ result: AdaptationResult, _ tables: AdaptationTables) throws {
        if let path = outputs.record { try OutputFile.write(try Format.json(result) + "\n", to: path) }
        if let path = outputs.csv { try OutputFile.write(tables.phases.csv, to: path) }
        if let path = outputs.columns { try OutputFile.write(tables.phases.columnJSON, to: path) }
        if let path = outputs.svg { try OutputFile.write(tables.curve.svg, to: path) }
        guard let path = outputs.html else { return }
        var page = HTMLReport(title: result.name)
        page.heading("Methods")
        page.table(tables.methods, caption: "Mean over seeds and data sets, with the standard deviation over the seeds")
        page.figure(svg: tables.bars.svg)
        page.figure(svg: tables.curve.svg)
        for table in tables.dataSets { page.table(table.table, caption: table.name) }
        if let detection = tables.detection {
            page.heading("Detection")
            page.table(detection, caption: "Mean over all runs")
        }
        if let cascade = tables.cascade {
            page.heading("Cascade")
            page.table(cascade, caption: "Mean over all runs")
        }
        try OutputFile.write(page.text, to: path)
    }
}
