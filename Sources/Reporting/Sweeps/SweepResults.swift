// SPDX-License-Identifier: Apache-2.0

/// What a sweep found: its cells with their runs, in the order of the plan.
public struct SweepResults: Sendable {
    /// A cell that ended; `run` is nil where it did not even fail as a job but crashed or was refused.
    public struct Entry: Sendable {
        /// The cell.
        public var cell: SweepCell
        /// What is kept of its run.
        public var run: RunRecord?

        /// Creates an entry.
        public init(cell: SweepCell, run: RunRecord?) {
            self.cell = cell
            self.run = run
        }
    }

    /// Cells that differ in their seed alone.
    public struct Group: Sendable {
        /// What they are called.
        public let labels: [SweepCell.Label]
        /// The number of cells, with those that crashed.
        public let cellCount: Int
        /// Their runs.
        public let runs: RunGroup

        /// The runs that finished.
        public var finishedCount: Int { runs.runs.count { $0.isFinished } }
    }

    /// A figure of a run, as tables have it.
    public struct Figure: Sendable {
        /// The beginning of its columns' names.
        public let name: String
        /// Reads it; nil where it was not measured.
        public let value: @Sendable (RunRecord) -> Double?
        /// A mean with its deviation, as people read it.
        let text: @Sendable (SeedSummary) -> String
    }

    /// All cells.
    public let entries: [Entry]
    /// The same, by their labels, in order of appearance.
    public let groups: [Group]

    /// Puts results together.
    public init(_ entries: [Entry]) {
        self.entries = entries
        var order: [[SweepCell.Label]] = []
        var members: [[SweepCell.Label]: [Entry]] = [:]
        for entry in entries {
            if members[entry.cell.labels] == nil { order.append(entry.cell.labels) }
            members[entry.cell.labels, default: []].append(entry)
        }
        groups = order.map { labels in
            let own = members[labels] ?? []
            let runs = RunGroup(name: SweepCell.name(labels), runs: own.compactMap(\.run))
            return Group(labels: labels, cellCount: own.count, runs: runs)
        }
    }

    /// The figures of a summary: those of classes that nobody labelled only where there are such.
    var figures: [Figure] {
        Figure.all.filter { figure in
            !Figure.openWorld.contains(figure.name)
                || entries.contains { $0.run.flatMap { figure.value($0) } != nil }
        }
    }

    /// The names of the labels' columns, in order of appearance.
    public var labelColumns: [String] {
        var names: [String] = []
        for group in groups {
            for label in group.labels where !names.contains(label.column) { names.append(label.column) }
        }
        return names
    }

    /// Whether the runs aimed at a target.
    public var hasTarget: Bool { entries.contains { $0.run?.targetAccuracy != nil } }

    /// The cells that did not finish.
    public var failedCount: Int { entries.count { $0.run?.isFinished != true } }
}

extension SweepResults.Figure {
    /// Accuracy after the last evaluated round.
    public static let accuracy = Self(name: "accuracy") {
        $0.lastEvaluated?.accuracy
    } text: {
        $0.text(decimals: 4)
    }
    /// The highest accuracy of any evaluated round. Chosen by hindsight: higher than what a stopping rule would get.
    public static let bestAccuracy = Self(name: "best_accuracy") {
        $0.best?.accuracy
    } text: {
        $0.text(decimals: 4)
    }
    /// Rounds to the target.
    public static let roundsToTarget = Self(name: "rounds_to_target") {
        $0.reachedTarget.map { Double($0.round) }
    } text: {
        $0.text(decimals: 1)
    }
    /// The job's own time to the target: virtual time where the scenario has devices.
    public static let secondsToTarget = Self(name: "seconds_to_target") {
        $0.reachedTarget.map(\.seconds)
    } text: {
        $0.text(decimals: 1)
    }
    /// Bytes of updates up to the round that reached the target.
    public static let bytesUpToTarget = Self(name: "bytes_up_to_target") {
        $0.reachedTarget.map { Double($0.bytesUp) }
    } text: {
        bytes($0)
    }
    /// The mean accuracy over the worst tenth of the clients, last evaluated.
    public static let worstTenth = Self(name: "client_accuracy_worst_tenth") {
        $0.rounds.last { $0.clientWorstTenth != nil }?.clientWorstTenth
    } text: {
        $0.text(decimals: 4)
    }
    /// The standard deviation over the clients' accuracies, last evaluated.
    public static let clientDeviation = Self(name: "client_accuracy_sd") {
        $0.rounds.last { $0.clientDeviation != nil }?.clientDeviation
    } text: {
        $0.text(decimals: 4)
    }
    /// Accuracy over classes that were labelled somewhere, last evaluated.
    public static let seenAccuracy = Self(name: "seen_accuracy") {
        $0.lastEvaluated?.seenAccuracy
    } text: {
        $0.text(decimals: 4)
    }
    /// Accuracy over classes that were labelled nowhere, last evaluated.
    public static let unseenAccuracy = Self(name: "unseen_accuracy") {
        $0.lastEvaluated?.unseenAccuracy
    } text: {
        $0.text(decimals: 4)
    }
    /// Accuracy over the class with the lowest one, last evaluated.
    public static let worstClass = Self(name: "worst_class_accuracy") {
        $0.lastEvaluated?.classAccuracies?.min()
    } text: {
        $0.text(decimals: 4)
    }
    /// The figures of jobs with classes that were labelled nowhere.
    static let openWorld: Set<String> = [seenAccuracy.name, unseenAccuracy.name, worstClass.name]
    /// Loss after the last evaluated round.
    public static let loss = Self(name: "loss") {
        $0.lastEvaluated?.loss
    } text: {
        $0.text(decimals: 4)
    }
    /// Bytes of updates in all.
    public static let bytesUp = Self(name: "bytes_up") {
        Double($0.rounds.last?.bytesUp ?? 0)
    } text: {
        bytes($0)
    }
    /// Bytes of models in all.
    public static let bytesDown = Self(name: "bytes_down") {
        Double($0.rounds.last?.bytesDown ?? 0)
    } text: {
        bytes($0)
    }
    /// The wall time of the run, with other cells running beside it.
    public static let seconds = Self(name: "seconds") {
        $0.wallSeconds
    } text: {
        $0.text(decimals: 1)
    }

    /// All figures of a summary, in the order of its columns.
    public static let all = [
        accuracy, bestAccuracy, seenAccuracy, unseenAccuracy, worstClass, loss, worstTenth, clientDeviation,
        roundsToTarget, secondsToTarget,
        bytesUpToTarget, bytesUp, bytesDown,
        seconds,
    ]

    private static func bytes(_ summary: SeedSummary) -> String {
        let mean = NumberText.bytes(UInt64(summary.mean.rounded()))
        guard let deviation = summary.deviation, deviation >= 0.5 else { return mean }
        return "\(mean) ± \(NumberText.bytes(UInt64(deviation.rounded())))"
    }
}
