// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Reporting

extension AdaptationTables {
    static func phaseTable(_ result: AdaptationResult, _ names: [String]) -> ResultTable {
        let rows = result.runs.flatMap { run in
            run.phases.indices.map { (run: run, phase: $0) }
        }
        var table = ResultTable([
            .init("data", .text(rows.map(\.run.data))),
            .init("seed", .integer(rows.map { Int64(truncatingIfNeeded: $0.run.seed) })),
            .init("phase", .integer(rows.map { Int64($0.phase) })),
            .init("environment", .text(rows.map { $0.run.phases[$0.phase] })),
        ])
        for name in names {
            table.append(
                .init("\(name)_accuracy", .real(rows.map { $0.run.methods[name]?.phaseAccuracies[$0.phase] }))
            )
        }
        for name in names where ["uniform", "uncertainty"].contains(name) {
            table.append(.init("\(name)_sent", .real(rows.map { $0.run.methods[name]?.phaseShares[$0.phase] })))
        }
        return table
    }

    static func detectionTable(_ result: AdaptationResult) -> ResultTable? {
        let reports = result.runs.compactMap(\.detection)
        guard let first = reports.first else { return nil }
        func means(_ value: (DetectionReport.Row) -> Double?) -> ResultTable.Cells {
            .real(
                first.scores.indices.map { index in
                    let values = reports.compactMap { value($0.scores[index]) }
                    return values.isEmpty ? nil : rounded(values.reduce(0, +) / Double(values.count))
                }
            )
        }
        return ResultTable([
            .init("score", .text(first.scores.map(\.score))),
            .init("outside_auroc", means(\.outsideAUROC)),
            .init("outside_auprc", means(\.outsideAUPRC)),
            .init("corrupted_auroc", means(\.corruptedAUROC)),
            .init("corrupted_auprc", means(\.corruptedAUPRC)),
            .init("aurc", means(\.aurc)),
            .init("excess_aurc", means(\.excessAURC)),
            .init("augrc", means(\.augrc)),
        ]).withoutEmptyColumns
    }

    static func cascadeTable(_ result: AdaptationResult) -> ResultTable? {
        let reports = result.runs.compactMap { $0.detection?.cascade }
        guard let first = reports.first else { return nil }
        func means(_ value: (CascadeReport.Point) -> Double) -> ResultTable.Cells {
            .real(
                first.points.indices.map { index in
                    rounded(reports.reduce(0) { $0 + value($1.points[index]) } / Double(reports.count))
                }
            )
        }
        return ResultTable([
            .init("escalated", means(\.fraction)),
            .init("accuracy", means(\.accuracy)),
            .init("window_handled", means(\.windowHandled)),
            .init("window_escalated", means(\.windowEscalated)),
            .init("threshold_handled", means(\.thresholdHandled)),
            .init("threshold_escalated", means(\.thresholdEscalated)),
        ])
    }

    /// The accuracy so far against the phase, a run of the chart for each seed.
    static func curve(_ result: AdaptationResult, _ names: [String]) -> LineChart {
        let seeds = Array(Set(result.runs.map(\.seed))).sorted()
        let series = names.map { name in
            ChartSeries(
                name: name,
                runs: seeds.map { seed in
                    let runs = result.runs.filter { $0.seed == seed }.compactMap { $0.methods[name]?.phaseAccuracies }
                    var sum = 0.0
                    return (runs.first ?? []).indices.map { phase in
                        sum += runs.reduce(0) { $0 + $1[phase] } / Double(runs.count)
                        return ChartSeries.Point(x: Double(phase + 1), y: sum / Double(phase + 1))
                    }
                }
            )
        }
        return LineChart(
            title: result.name,
            labels: (x: "environments so far", y: "accuracy so far"),
            series: series
        )
    }
}
