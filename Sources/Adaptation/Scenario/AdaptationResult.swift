// SPDX-License-Identifier: Apache-2.0

/// What a scenario measured.
public struct AdaptationResult: Sendable, Codable {
    /// A method over all seeds of one data set, or of all data sets together.
    public struct Summary: Sendable, Hashable, Codable {
        /// The mean accuracy over the seeds.
        public var accuracy: Double
        /// The sample standard deviation of the accuracy over the seeds; 0 for one seed.
        public var spread: Double
        /// The mean bytes that a device sent.
        public var bytesUp: Double
        /// The mean bytes that a device was sent.
        public var bytesDown: Double
        /// The mean samples that a device sent.
        public var samplesSent: Double
        /// The largest update of all seeds in bytes.
        public var largestUpdateBytes: Int
        /// The mean number of updates that were rolled back.
        public var rollbacks: Double

        enum CodingKeys: String, CodingKey {
            case accuracy, spread, rollbacks
            case bytesUp = "bytes_up"
            case bytesDown = "bytes_down"
            case samplesSent = "samples_sent"
            case largestUpdateBytes = "largest_update_bytes"
        }
    }

    /// One data set with one seed.
    public struct Run: Sendable, Codable {
        /// The data set.
        public var data: String
        /// The seed.
        public var seed: UInt64
        /// The accuracies of the device's model and of the teacher on clean held-out images and on the stream.
        public var models: Models
        /// The outcomes by method.
        public var methods: [String: MethodOutcome]
        /// The environments of the stream, in order.
        public var phases: [String]
        /// The table of detection and cascade; nil where none was asked for.
        public var detection: DetectionReport?
    }

    /// How good the models are before anything adapts.
    public struct Models: Sendable, Hashable, Codable {
        /// The device's model on clean images that it was not trained on.
        public var deviceClean: Double
        /// The teacher on these.
        public var teacherClean: Double
        /// The teacher on the stream.
        public var teacherStream: Double
        /// How honest the device's probabilities are on clean images.
        public var calibration: DeviceCalibration

        enum CodingKeys: String, CodingKey {
            case calibration
            case deviceClean = "device_clean"
            case teacherClean = "teacher_clean"
            case teacherStream = "teacher_stream"
        }
    }

    /// What the scenario aims at, and whether it was reached.
    public struct Aims: Sendable, Hashable, Codable {
        /// How much better `uncertainty` is than `uniform`, in accuracy.
        public var uncertaintyOverUniform: Double?
        /// The larger of the two spreads.
        public var spreadOfThese: Double?
        /// The share of the gain of `all` over `source` that `uncertainty` keeps.
        public var keptGain: Double?
        /// The largest update in bytes.
        public var largestUpdateBytes: Int

        enum CodingKeys: String, CodingKey {
            case uncertaintyOverUniform = "uncertainty_over_uniform"
            case spreadOfThese = "spread_of_these"
            case keptGain = "kept_gain"
            case largestUpdateBytes = "largest_update_bytes"
        }
    }

    /// The scenario's name.
    public var name: String
    /// Mean and spread over the seeds by method; over all data sets, of which each counts the same.
    public var methods: [String: Summary]
    /// The same for each data set.
    public var data: [String: [String: Summary]]
    /// Whether the aims were reached.
    public var aims: Aims
    /// All runs.
    public var runs: [Run]
}

extension AdaptationResult {
    /// Sums up runs.
    init(name: String, runs: [Run]) {
        self.name = name
        self.runs = runs
        data = [:]
        for set in Set(runs.map(\.data)) {
            data[set] = Self.summaries(runs.filter { $0.data == set }.map { [$0.methods] })
        }
        let seeds = Set(runs.map(\.seed)).sorted()
        methods = Self.summaries(seeds.map { seed in runs.filter { $0.seed == seed }.map(\.methods) })
        let (source, all) = (methods["source"]?.accuracy, methods["all"]?.accuracy)
        let (uniform, uncertainty) = (methods["uniform"], methods["uncertainty"])
        aims = Aims(largestUpdateBytes: methods.values.map(\.largestUpdateBytes).max() ?? 0)
        if let uniform, let uncertainty {
            aims.uncertaintyOverUniform = uncertainty.accuracy - uniform.accuracy
            aims.spreadOfThese = max(uncertainty.spread, uniform.spread)
        }
        if let source, let all, let uncertainty, all > source {
            aims.keptGain = (uncertainty.accuracy - source) / (all - source)
        }
    }

    /// Means over the data sets of each seed, then mean and spread over the seeds.
    private static func summaries(_ seeds: [[[String: MethodOutcome]]]) -> [String: Summary] {
        var result: [String: Summary] = [:]
        for method in Set(seeds.flatMap { $0.flatMap(\.keys) }) {
            let groups = seeds.map { sets in sets.compactMap { $0[method] } }.filter { !$0.isEmpty }
            func values(_ part: (MethodOutcome) -> Double) -> [Double] {
                groups.map { group in group.map(part).reduce(0, +) / Double(group.count) }
            }
            func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
            let accuracies = values(\.accuracy)
            let center = mean(accuracies)
            let squares = accuracies.reduce(0) { $0 + ($1 - center) * ($1 - center) }
            result[method] = Summary(
                accuracy: center,
                spread: accuracies.count > 1 ? (squares / Double(accuracies.count - 1)).squareRoot() : 0,
                bytesUp: mean(values { Double($0.bytesUp) }),
                bytesDown: mean(values { Double($0.bytesDown) }),
                samplesSent: mean(values { Double($0.samplesSent) }),
                largestUpdateBytes: groups.joined().map(\.largestUpdateBytes).max() ?? 0,
                rollbacks: mean(values { Double($0.rollbacks) })
            )
        }
        return result
    }
}
