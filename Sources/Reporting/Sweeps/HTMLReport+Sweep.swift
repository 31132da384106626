// SPDX-License-Identifier: Apache-2.0

extension HTMLReport {
    /// The page of a sweep.
    ///
    /// - Parameters:
    ///   - title: its name.
    ///   - results: what it found.
    ///   - notes: what its reader must know beside the figures.
    public init(title: String, sweep results: SweepResults, notes: [String] = []) {
        self.init(title: title)
        for note in notes { paragraph(note) }
        heading("Results")
        let failed = results.failedCount
        if failed > 0 { paragraph("\(failed) of \(results.entries.count) runs did not finish and are in no mean.") }
        for figure in [SweepResults.Figure.accuracy, .bestAccuracy, .roundsToTarget, .secondsToTarget] {
            guard let table = results.pivot(figure), !table.withoutEmptyColumns.columns.isEmpty else { continue }
            if figure.name.hasSuffix("_to_target"), !results.hasTarget { continue }
            self.table(table, caption: "\(figure.name), mean ± sample standard deviation over the seeds")
        }
        table(results.displayTable, caption: "All figures, mean ± sample standard deviation over the seeds")
        comparison(results)
        details(results.groups.map(\.runs))
        heading("Runs")
        table(results.cellTable.withoutEmptyColumns, caption: "Every run")
    }

    /// Adds the curves: a chart for each row, which compares its methods.
    private mutating func comparison(_ results: SweepResults) {
        let groups = results.groups
        let accuracies = groups.compactMap { group in
            group.runs.summary(SweepResults.Figure.accuracy.value).map {
                BarChart.Bar(name: group.runs.name, value: $0.mean, spread: $0.deviation)
            }
        }
        if accuracies.count > 1 {
            figure(svg: BarChart(title: "Accuracy", label: "Mean ± standard deviation", bars: accuracies).svg)
        }
        for (row, members) in results.rows { curves(members, title: row) }
    }
}
