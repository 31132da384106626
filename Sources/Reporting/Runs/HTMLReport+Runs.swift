// SPDX-License-Identifier: Apache-2.0

extension HTMLReport {
    /// The most groups whose clients and losses are drawn one by one.
    private static let detailedGroups = 12

    /// The page of one run.
    public init(run: RunRecord) {
        self.init(title: run.name)
        facts(run.facts)
        let group = RunGroup(name: run.name, runs: [run])
        curves([group])
        details([group])
        heading("Rounds")
        table(run.table, caption: "Every committed round; bytes and seconds since the job began")
    }

    /// Adds the curves that compare groups.
    public mutating func curves(_ groups: [RunGroup], title: String = "Curves") {
        heading(title)
        if groups.contains(where: { $0.runs.count > 1 }) {
            paragraph(
                "Lines are means over the seeds, as far as all of them go; bands reach from the least to the most."
            )
        }
        let charts = RunCharts.Axis.allCases.map { RunCharts.accuracy(groups, against: $0) }
        for chart in charts + [RunCharts.loss(groups), RunCharts.worstClients(groups)] {
            if let chart { figure(svg: chart.svg) }
        }
    }

    /// Adds what is shown of each group apart: the spread of its clients, its loss in parts; and the bytes by kind.
    public mutating func details(_ groups: [RunGroup]) {
        let shown = groups.prefix(Self.detailedGroups)
        let spreads = shown.compactMap(RunCharts.clientSpread)
        if !spreads.isEmpty { heading("Clients") }
        for chart in spreads { figure(svg: chart.svg) }
        let losses = shown.compactMap(RunCharts.decomposition)
        if !losses.isEmpty { heading("Loss decomposition") }
        for chart in losses { figure(svg: chart.svg) }
        if groups.count > shown.count, !(spreads.isEmpty && losses.isEmpty) {
            paragraph("Of \(groups.count) groups, the first \(shown.count) are shown one by one.")
        }
        guard let bytes = RunCharts.bytesByKind(groups.flatMap(\.runs)) else { return }
        heading("Traffic")
        figure(svg: bytes.svg)
    }
}

extension RunRecord {
    /// What the run ended with, in words.
    public var facts: [(name: String, value: String)] {
        var facts = [
            ("Ended", message.isEmpty ? phase : "\(phase): \(message)"),
            ("Rounds", "\(rounds.count) of \(plannedRounds)"),
            ("Clients", "\(clients)"),
            ("Seed", "\(seed)"),
        ]
        if let last = lastEvaluated, let accuracy = last.accuracy {
            facts.append(("Accuracy", "\(NumberText.decimals(accuracy, 4)) after round \(last.round)"))
            if let best, let most = best.accuracy {
                facts.append(("Best accuracy", "\(NumberText.decimals(most, 4)) after round \(best.round)"))
            }
            if let loss = last.loss { facts.append(("Loss", NumberText.decimals(loss, 4))) }
        }
        if let spread { facts.append(("Clients' accuracies", spread)) }
        if let target { facts.append(("Target", target)) }
        facts.append(("Bytes up", traffic(rounds.last?.bytesUp ?? 0, bytesUpPerClient)))
        facts.append(("Bytes down", traffic(rounds.last?.bytesDown ?? 0, bytesDownPerClient)))
        if let kinds { facts.append(("Bytes up by kind", kinds)) }
        if let decomposition { facts.append(("Loss decomposition", decomposition)) }
        facts.append(("Wall time", "\(NumberText.decimals(wallSeconds, 2)) s"))
        facts.append(("Final model", modelDigest))
        return facts
    }

    /// The last spread over the clients: `mean 0.91, worst tenth 0.74, standard deviation 0.08, fairness 0.99`.
    public var spread: String? {
        guard let last = rounds.last(where: { $0.clientMean != nil }), let mean = last.clientMean,
            let worst = last.clientWorstTenth, let deviation = last.clientDeviation
        else { return nil }
        let fairness = last.clientFairness.map { ", fairness \(NumberText.decimals($0, 4))" } ?? ""
        return "mean \(NumberText.decimals(mean, 4)), worst 10% \(NumberText.decimals(worst, 4)), "
            + "standard deviation \(NumberText.decimals(deviation, 4))\(fairness)"
    }

    /// What became of the target: `accuracy 0.9 reached after 12 rounds, 3.4 MB up, 0.8 s`.
    public var target: String? {
        guard let targetAccuracy else { return nil }
        let mean = targetWindow.map { " (mean of \($0) evaluations)" } ?? ""
        let aim = "accuracy \(NumberText.shortest(targetAccuracy))\(mean)"
        guard let reached = reachedTarget else { return "\(aim) not reached in \(rounds.count) rounds" }
        let costs = "\(NumberText.bytes(reached.bytesUp)) up, \(NumberText.decimals(reached.seconds, 2)) s"
        return "\(aim) reached after \(reached.round) rounds, \(costs)"
    }

    /// The bytes of updates by kind of tensor, the largest first.
    public var kinds: String? {
        guard !bytesUpByKind.isEmpty else { return nil }
        return bytesUpByKind.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
            .map { "\($0.key) \(NumberText.bytes($0.value))" }.joined(separator: ", ")
    }

    /// The parts of the last diagnosed loss.
    public var decomposition: String? {
        guard let last = lastDiagnosed, let total = last.diagnosedLoss, let local = last.localLoss,
            let shift = last.shiftLoss, let aggregation = last.aggregationLoss
        else { return nil }
        return "\(NumberText.decimals(total, 4)) = local \(NumberText.decimals(local, 4)) "
            + "+ shift \(NumberText.decimals(shift, 4)) + aggregation \(NumberText.decimals(aggregation, 4))"
    }

    private func traffic(_ total: UInt64, _ perClient: PerClient?) -> String {
        guard let perClient else { return NumberText.bytes(total) }
        return "\(NumberText.bytes(total)); \(perClient.text)"
    }
}

extension RunRecord.PerClient {
    /// `84.2 kB a client on average, 91.0 kB at most (10 clients)`, of bytes.
    public var text: String {
        let average = NumberText.bytes(UInt64(mean.rounded()))
        return "\(average) a client on average, \(NumberText.bytes(UInt64(maximum))) at most (\(clients) clients)"
    }
}
