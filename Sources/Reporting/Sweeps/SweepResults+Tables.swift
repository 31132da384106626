// SPDX-License-Identifier: Apache-2.0

extension SweepResults {
    /// Every cell with all its figures.
    public var cellTable: ResultTable {
        var table = ResultTable(labelColumns(of: entries.map(\.cell.labels)))
        let runs = entries.map(\.run)
        table.append(
            .init("seed", .integer(entries.map { ($0.run?.seed ?? $0.cell.seed).map { Int64(clamping: $0) } }))
        )
        table.append(.init("phase", .text(runs.map { $0?.phase ?? "crashed" })))
        table.append(.init("rounds", .integer(runs.map { $0.map { Int64($0.rounds.count) } })))
        for figure in figures {
            table.append(.init(figure.name, .real(runs.map { $0.flatMap { figure.value($0) } })))
        }
        table.append(.init("peak_rss_mb", .real(runs.map { $0?.peakMegabytes })))
        table.append(.init("model_digest", .text(runs.map { $0?.modelDigest })))
        return table
    }

    /// Every round of every cell, one below the other, for plots of one's own.
    public var roundTable: ResultTable {
        let rows = entries.flatMap { entry in
            (entry.run?.rounds ?? []).map { (labels: entry.cell.labels, seed: entry.run?.seed, round: $0) }
        }
        func real(_ name: String, _ value: (RoundRecord) -> Double?) -> ResultTable.Column {
            ResultTable.Column(name, .real(rows.map { value($0.round) }))
        }
        let columns =
            labelColumns(of: rows.map(\.labels)) + [
                .init("seed", .integer(rows.map { $0.seed.map { Int64(clamping: $0) } })),
                .init("round", .integer(rows.map { Int64($0.round.round) })),
                real("seconds") { $0.seconds },
                .init("bytes_up", .integer(rows.map { Int64(clamping: $0.round.bytesUp) })),
                .init("bytes_down", .integer(rows.map { Int64(clamping: $0.round.bytesDown) })),
                real("training_loss") { $0.trainingLoss }, real("accuracy") { $0.accuracy }, real("loss") { $0.loss },
                real("seen_accuracy") { $0.seenAccuracy }, real("unseen_accuracy") { $0.unseenAccuracy },
                real("client_accuracy_mean") { $0.clientMean },
                real("client_accuracy_worst_tenth") { $0.clientWorstTenth },
                real("client_accuracy_sd") { $0.clientDeviation }, real("client_fairness") { $0.clientFairness },
                real("loss_local") { $0.localLoss }, real("loss_shift") { $0.shiftLoss },
                real("loss_aggregation") { $0.aggregationLoss }, real("loss_diagnosed") { $0.diagnosedLoss },
            ]
        return ResultTable(columns).withoutEmptyColumns
    }

    /// Every group with mean and sample standard deviation of each figure over the runs that finished.
    ///
    /// A figure that one of those runs lacks has no mean: `reached_target` says how many reached the target.
    public var summaryTable: ResultTable {
        var table = ResultTable(labelColumns(of: groups.map(\.labels)))
        table.append(.init("runs", .integer(groups.map { Int64($0.cellCount) })))
        table.append(.init("finished", .integer(groups.map { Int64($0.finishedCount) })))
        table.append(.init("reached_target", .integer(groups.map { $0.reachedCount.map(Int64.init) })))
        for figure in figures {
            let summaries = groups.map { $0.runs.summary(figure.value) }
            table.append(.init("\(figure.name)_mean", .real(summaries.map { $0?.mean })))
            table.append(.init("\(figure.name)_sd", .real(summaries.map { $0?.deviation })))
        }
        return table
    }

    /// The summary for people: a row for each group, `mean ± sd` in each cell.
    public var displayTable: ResultTable {
        var table = ResultTable(labelColumns(of: groups.map(\.labels)))
        table.append(.init("runs", .text(groups.map(Self.runsText))))
        for figure in figures {
            table.append(.init(figure.name, .text(groups.map { Self.text(figure, $0) })))
        }
        return table.withoutEmptyColumns
    }

    /// One figure with a row for each value of the other labels and a column for each method.
    ///
    /// - Returns: nil where the groups have fewer than two labels.
    public func pivot(_ figure: Figure) -> ResultTable? {
        guard let methodColumn else { return nil }
        var (rows, columns): ([[SweepCell.Label]], [String]) = ([], [])
        var texts: [[SweepCell.Label]: [String: String]] = [:]
        for group in groups {
            let row = group.labels.filter { $0.column != methodColumn }
            let column = SweepCell.name(group.labels.filter { $0.column == methodColumn })
            if texts[row] == nil { rows.append(row) }
            if !columns.contains(column) { columns.append(column) }
            let isComplete = group.finishedCount == group.cellCount
            let text = Self.text(figure, group) ?? ""
            texts[row, default: [:]][column] = isComplete ? text : "\(text) (\(Self.runsText(group)) runs)"
        }
        var table = ResultTable()
        for name in labelColumns where name != methodColumn {
            table.append(.init(name, .text(rows.map { row in row.first { $0.column == name }?.value })))
        }
        for column in columns {
            // A method may have the name of a label.
            let name = table[column] == nil ? column : "\(column) "
            table.append(.init(name, .text(rows.map { texts[$0]?[column] })))
        }
        return table
    }

    /// The label that stands over the columns and names the curves: methods, strategies, or the last one; nil where
    /// there are fewer than two.
    var methodColumn: String? {
        let names = labelColumns
        guard names.count >= 2, groups.allSatisfy({ $0.labels.map(\.column) == names }) else { return nil }
        return ["method", "strategy"].first(where: names.contains) ?? names.last
    }

    /// The groups by their other labels, named by their method alone; one row of all where they have no two labels.
    public var rows: [(name: String, groups: [RunGroup])] {
        guard let methodColumn else { return [("Curves", groups.map(\.runs))] }
        var order: [String] = []
        var members: [String: [RunGroup]] = [:]
        for group in groups {
            let row = SweepCell.name(group.labels.filter { $0.column != methodColumn })
            if members[row] == nil { order.append(row) }
            let name = SweepCell.name(group.labels.filter { $0.column == methodColumn })
            members[row, default: []].append(RunGroup(name: name, runs: group.runs.runs))
        }
        return order.map { ($0, members[$0] ?? []) }
    }

    private static func runsText(_ group: Group) -> String {
        group.finishedCount == group.cellCount ? "\(group.cellCount)" : "\(group.finishedCount) of \(group.cellCount)"
    }

    private static func text(_ figure: Figure, _ group: Group) -> String? {
        if let summary = group.runs.summary(figure.value) { return figure.text(summary) }
        guard figure.name == Figure.roundsToTarget.name, let reached = group.reachedCount else { return nil }
        return "reached by \(reached) of \(group.finishedCount)"
    }

    private static let ownColumns: Set<String> = Set(
        [
            "seed", "phase", "rounds", "round", "runs", "finished", "reached_target", "peak_rss_mb", "model_digest",
            "loss",
        ]
            + ["training_loss", "client_accuracy_mean", "client_fairness"]
            + ["loss_local", "loss_shift", "loss_aggregation", "loss_diagnosed"]
            + Figure.all.flatMap { [$0.name, "\($0.name)_mean", "\($0.name)_sd"] }
    )

    private func labelColumns(of labels: [[SweepCell.Label]]) -> [ResultTable.Column] {
        labelColumns.map { name in
            // A sweep over `rounds` has the rounds that were asked for beside those that were done.
            ResultTable.Column(
                Self.ownColumns.contains(name) ? "set.\(name)" : name,
                .text(labels.map { $0.first { $0.column == name }?.value })
            )
        }
    }
}

extension SweepResults.Group {
    /// The finished runs that reached the target; nil without a target.
    var reachedCount: Int? {
        let finished = runs.runs.filter(\.isFinished)
        guard finished.contains(where: { $0.targetAccuracy != nil }) else { return nil }
        return finished.count { $0.reachedTarget != nil }
    }
}
