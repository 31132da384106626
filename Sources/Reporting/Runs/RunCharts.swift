// SPDX-License-Identifier: Apache-2.0

/// The curves that runs are compared by.
public enum RunCharts {
    /// What lies along the horizontal axis.
    public enum Axis: String, Sendable, CaseIterable {
        /// Rounds.
        case rounds
        /// Bytes of updates since the job began.
        case uplink
        /// The job's own time.
        case time
    }

    /// Accuracy on test samples; nil where nothing was evaluated.
    public static func accuracy(_ groups: [RunGroup], against axis: Axis) -> LineChart? {
        let scale = Scale(axis, groups)
        return chart("Accuracy against \(scale.title)", "Test accuracy", groups, scale) { $0.accuracy }
    }

    /// Loss on test samples; nil where nothing was evaluated.
    public static func loss(_ groups: [RunGroup]) -> LineChart? {
        chart("Loss against rounds", "Test loss (nats)", groups, Scale(.rounds, groups)) { $0.loss }
    }

    /// The mean accuracy over the worst tenth of the clients; nil where clients did not evaluate apart.
    public static func worstClients(_ groups: [RunGroup]) -> LineChart? {
        let scale = Scale(.rounds, groups)
        return chart("The worst tenth of the clients", "Mean test accuracy", groups, scale) { $0.clientWorstTenth }
    }

    /// How one group's clients fare: the mean, the worst tenth and the deviation.
    public static func clientSpread(_ group: RunGroup) -> LineChart? {
        parts(
            "How the clients fare: \(group.name)",
            "Own test accuracy",
            group,
            [
                ("mean of the clients", { $0.clientMean }), ("worst tenth", { $0.clientWorstTenth }),
                ("standard deviation", { $0.clientDeviation }),
            ]
        )
    }

    /// One group's loss in its parts; nil without a diagnosis.
    ///
    /// Lines, not areas: the aggregation part is often below 0.
    public static func decomposition(_ group: RunGroup) -> LineChart? {
        parts(
            "Loss decomposition: \(group.name)",
            "Loss (nats)",
            group,
            [
                ("total", { $0.diagnosedLoss }), ("local", { $0.localLoss }),
                ("distribution shift", { $0.shiftLoss }), ("aggregation", { $0.aggregationLoss }),
            ]
        )
    }

    /// The updates' bytes by kind of tensor, over all runs; nil where they were not counted.
    public static func bytesByKind(_ runs: [RunRecord]) -> BarChart? {
        var total: [String: UInt64] = [:]
        for run in runs { total.merge(run.bytesUpByKind) { $0 &+ $1 } }
        guard !total.isEmpty else { return nil }
        let most = Double(total.values.max() ?? 0)
        let unit = Scale.unit(most)
        let bars = total.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
            .map { BarChart.Bar(name: $0.key, value: Double($0.value) / unit.factor) }
        return BarChart(title: "Uplink bytes by kind of tensor", label: "Bytes (\(unit.name))", bars: bars)
    }

    /// A horizontal axis in a unit that suits the data.
    private struct Scale {
        let title: String
        let label: String
        let value: (RoundRecord) -> Double

        init(_ axis: Axis, _ groups: [RunGroup]) {
            switch axis {
            case .rounds:
                (title, label, value) = ("rounds", "Round", { Double($0.round) })
            case .uplink:
                let most = groups.flatMap(\.runs).compactMap { $0.rounds.last?.bytesUp }.max() ?? 0
                let unit = Self.unit(Double(most))
                (title, label) = ("uplink bytes", "Bytes of updates (\(unit.name))")
                value = { Double($0.bytesUp) / unit.factor }
            case .time:
                (title, label, value) = ("time", "Time of the job (s)", { $0.seconds })
            }
        }

        static func unit(_ most: Double) -> (name: String, factor: Double) {
            switch most {
            case 1e9...: ("GB", 1e9)
            case 1e6...: ("MB", 1e6)
            case 1e3...: ("kB", 1e3)
            default: ("B", 1)
            }
        }
    }

    private static func chart(
        _ title: String,
        _ label: String,
        _ groups: [RunGroup],
        _ scale: Scale,
        _ value: (RoundRecord) -> Double?
    ) -> LineChart? {
        let series = groups.map { group in
            ChartSeries(name: group.name, runs: group.runs.map { points($0, scale, value) }.filter { !$0.isEmpty })
        }
        guard series.contains(where: { !$0.runs.isEmpty }) else { return nil }
        return LineChart(title: title, labels: (scale.label, label), series: series)
    }

    private static func parts(
        _ title: String,
        _ label: String,
        _ group: RunGroup,
        _ parts: [(name: String, value: (RoundRecord) -> Double?)]
    ) -> LineChart? {
        let scale = Scale(.rounds, [group])
        let series = parts.map { part in
            ChartSeries(name: part.name, runs: group.runs.map { points($0, scale, part.value) }.filter { !$0.isEmpty })
        }
        guard series.contains(where: { !$0.runs.isEmpty }) else { return nil }
        return LineChart(title: title, labels: (scale.label, label), series: series)
    }

    private static func points(
        _ run: RunRecord,
        _ scale: Scale,
        _ value: (RoundRecord) -> Double?
    ) -> [ChartSeries.Point] {
        run.rounds.compactMap { round in value(round).map { ChartSeries.Point(x: scale.value(round), y: $0) } }
    }
}
