// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Reporting

/// A result as tables and charts.
struct AdaptationTables {
    /// The methods over everything.
    let methods: ResultTable
    /// The methods on each data set.
    let dataSets: [(name: String, table: ResultTable)]
    /// Every phase of every run.
    let phases: ResultTable
    /// The scores, each a mean over the runs; nil where none were measured.
    let detection: ResultTable?
    /// Device and cloud together, means over the runs.
    let cascade: ResultTable?
    /// The accuracy in each phase, means over the runs of one seed.
    let curve: LineChart
    /// The accuracy of each method.
    let bars: BarChart
    private let aims: AdaptationResult.Aims

    init(_ result: AdaptationResult, methods order: [AdaptationScenario.Method]) {
        let names = order.map(\.rawValue)
        methods = Self.table(result.methods, names)
        dataSets = result.data.keys.sorted().map { ($0, Self.table(result.data[$0] ?? [:], names)) }
        phases = Self.phaseTable(result, names)
        detection = Self.detectionTable(result)
        cascade = Self.cascadeTable(result)
        curve = Self.curve(result, names)
        bars = BarChart(
            title: result.name,
            label: "accuracy on the stream",
            bars: names.compactMap { name in
                result.methods[name].map { BarChart.Bar(name: name, value: $0.accuracy, spread: $0.spread) }
            }
        )
        aims = result.aims
    }

    /// Everything for a terminal.
    var text: String {
        var parts = [methods.markdown]
        if dataSets.count > 1 {
            for set in dataSets { parts.append("\(set.name)\n\(set.table.markdown)") }
        }
        if let detection { parts.append("detection\n\(detection.markdown)") }
        if let cascade { parts.append("cascade\n\(cascade.markdown)") }
        var lines: [String] = []
        if let gain = aims.uncertaintyOverUniform, let spread = aims.spreadOfThese {
            lines.append(
                "uncertainty over uniform \(Format.decimals(gain, 4)), larger spread \(Format.decimals(spread, 4))"
            )
        }
        if let kept = aims.keptGain { lines.append("kept of the gain of all \(Format.decimals(100 * kept, 1))%") }
        if aims.largestUpdateBytes > 0 { lines.append("largest update \(aims.largestUpdateBytes) bytes") }
        parts.append(lines.joined(separator: "\n"))
        return parts.joined(separator: "\n")
    }

    private static func table(_ summaries: [String: AdaptationResult.Summary], _ names: [String]) -> ResultTable {
        let rows = names.compactMap { name in summaries[name].map { (name, $0) } }
        func real(_ value: (AdaptationResult.Summary) -> Double) -> ResultTable.Cells {
            .real(rows.map { rounded(value($0.1)) })
        }
        func whole(_ value: (AdaptationResult.Summary) -> Double) -> ResultTable.Cells {
            .integer(rows.map { Int64(value($0.1).rounded()) })
        }
        return ResultTable([
            .init("method", .text(rows.map(\.0))),
            .init("accuracy", real(\.accuracy)),
            .init("spread", real(\.spread)),
            .init("bytes_up", whole(\.bytesUp)),
            .init("bytes_down", whole(\.bytesDown)),
            .init("samples_sent", whole(\.samplesSent)),
            .init("largest_update_bytes", whole { Double($0.largestUpdateBytes) }),
            .init("rollbacks", real(\.rollbacks)),
        ])
    }

    /// Four decimals: what seeds leave of the rest is noise.
    static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
