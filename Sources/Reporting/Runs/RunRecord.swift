// SPDX-License-Identifier: Apache-2.0

/// What is kept of one run: enough for every table and curve.
public struct RunRecord: Sendable, Hashable, Codable {
    /// How a kind of quantity is spread over the clients that took part.
    public struct PerClient: Sendable, Hashable, Codable {
        /// The clients that took part.
        public var clients: Int
        /// The mean.
        public var mean: Double
        /// The most.
        public var maximum: Double

        /// Creates a description.
        public init(clients: Int, mean: Double, maximum: Double) {
            self.clients = clients
            self.mean = mean
            self.maximum = maximum
        }

        private enum CodingKeys: String, CodingKey {
            case clients, mean
            case maximum = "max"
        }
    }

    /// The job's name.
    public var name: String
    /// How it was simulated.
    public var mode: String
    /// The seed of its randomness.
    public var seed: UInt64
    /// How it ended: `finished`, `failed` or `cancelled`.
    public var phase: String
    /// Why it failed; may be empty.
    public var message: String = ""
    /// The rounds that were asked for.
    public var plannedRounds: Int = 0
    /// The virtual clients.
    public var clients: Int = 0
    /// The accuracy that was aimed at; nil for none.
    public var targetAccuracy: Double?
    /// The evaluations in a row whose mean is held against it; nil for one.
    public var targetWindow: Int?
    /// The committed rounds in order.
    public var rounds: [RoundRecord] = []
    /// Bytes of updates by kind of tensor.
    public var bytesUpByKind: [String: UInt64] = [:]
    /// Bytes of updates over the clients; nil where they were not counted.
    public var bytesUpPerClient: PerClient?
    /// Bytes of models over the clients; nil where they were not counted.
    public var bytesDownPerClient: PerClient?
    /// The wall time of the whole run in seconds.
    public var wallSeconds: Double = 0
    /// The largest resident memory of the process, in megabytes.
    public var peakMegabytes: Double = 0
    /// The digest of the final model.
    public var modelDigest: String = ""

    /// Creates a record of a run of which nothing else is known.
    public init(name: String, mode: String, seed: UInt64, phase: String) {
        self.name = name
        self.mode = mode
        self.seed = seed
        self.phase = phase
    }

    private enum CodingKeys: String, CodingKey {
        case name, mode, seed, phase, message, clients, rounds
        case plannedRounds = "planned_rounds"
        case targetAccuracy = "target_accuracy"
        case targetWindow = "target_window"
        case bytesUpByKind = "bytes_up_by_kind"
        case bytesUpPerClient = "bytes_up_per_client"
        case bytesDownPerClient = "bytes_down_per_client"
        case wallSeconds = "wall_seconds"
        case peakMegabytes = "peak_rss_mb"
        case modelDigest = "model_digest"
    }

    /// Whether the job did what it was asked to.
    public var isFinished: Bool { phase == "finished" }

    /// The last round that was evaluated.
    public var lastEvaluated: RoundRecord? { rounds.last { $0.accuracy != nil } }

    /// The evaluated round with the highest accuracy, the first of equal ones.
    public var best: RoundRecord? {
        rounds.filter { $0.accuracy != nil }
            .reduce(nil) { best, next in (next.accuracy ?? 0) > (best?.accuracy ?? -1) ? next : best }
    }

    /// The first evaluated round that reached the target, with those before it where a mean of several is asked for;
    /// nil where none did or there is no target.
    public var reachedTarget: RoundRecord? {
        guard let targetAccuracy else { return nil }
        let window = max(targetWindow ?? 1, 1)
        var last: [Double] = []
        for round in rounds {
            guard let accuracy = round.accuracy else { continue }
            if last.count == window { last.removeFirst() }
            last.append(accuracy)
            // Compared as sums of so many: the mean of one would be rounded otherwise.
            if last.count == window, last.reduce(0, +) >= targetAccuracy * Double(window) { return round }
        }
        return nil
    }

    /// The last round with a loss decomposition.
    public var lastDiagnosed: RoundRecord? { rounds.last { $0.diagnosedLoss != nil } }

    /// The rounds as a table; quantities that no round has are left out.
    public var table: ResultTable {
        func real(_ name: String, _ value: (RoundRecord) -> Double?) -> ResultTable.Column {
            ResultTable.Column(name, .real(rounds.map(value)))
        }
        return ResultTable([
            .init("round", .integer(rounds.map { Int64($0.round) })),
            real("seconds") { $0.seconds },
            .init("bytes_up", .integer(rounds.map { Int64(clamping: $0.bytesUp) })),
            .init("bytes_down", .integer(rounds.map { Int64(clamping: $0.bytesDown) })),
            real("training_loss") { $0.trainingLoss },
            real("accuracy") { $0.accuracy },
            real("seen_accuracy") { $0.seenAccuracy },
            real("unseen_accuracy") { $0.unseenAccuracy },
            real("loss") { $0.loss },
            real("client_accuracy_mean") { $0.clientMean },
            real("client_accuracy_worst_tenth") { $0.clientWorstTenth },
            real("client_accuracy_sd") { $0.clientDeviation },
            real("client_fairness") { $0.clientFairness },
            real("loss_local") { $0.localLoss },
            real("loss_shift") { $0.shiftLoss },
            real("loss_aggregation") { $0.aggregationLoss },
            real("loss_diagnosed") { $0.diagnosedLoss },
        ]).withoutEmptyColumns
    }
}
