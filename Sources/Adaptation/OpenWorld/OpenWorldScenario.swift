// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Clients with labelled samples of seen classes and unlabelled ones of these and of classes that nobody labelled.
public struct OpenWorldScenario: Sendable {
    /// What is trained.
    public enum Method: String, Sendable, Hashable, CaseIterable, Codable {
        /// The labelled samples alone.
        case supervised
        /// Unlabelled samples too, without FedoSSL's parts.
        case selfTraining = "self-training"
        /// With the suppressed confidence.
        case suppressed
        /// With the calibrated centroids.
        case calibrated
        /// With both.
        case fedossl

        /// Whether confidence is suppressed by class.
        public var suppresses: Bool { self == .suppressed || self == .fedossl }
        /// Whether the server calibrates centroids.
        public var calibrates: Bool { self == .calibrated || self == .fedossl }
    }

    /// The top-level key by which such a file is told from others.
    public static let key = "open_world"

    /// The scenario's name.
    public var name = "open-world"
    /// The seeds; everything runs once for each.
    public var seeds: [UInt64] = [1, 2, 3]
    /// Threads; 0 for one a core.
    public var threads = 0
    /// Where the images come from, as `--data` has it.
    public var data: String
    /// The methods, in order.
    public var methods = Method.allCases
    /// The model; its last layer's weights are the class vectors.
    public var model = ModelSpecification(kind: "cnn", settings: ["width": 8, "dense": 64])
    /// The clients.
    public var clients = 5
    /// The rounds.
    public var rounds = 20
    /// A client's passes over its samples in a round.
    public var localEpochs = 1
    /// The samples of a step.
    public var batchSize = 64
    /// The rate of SGD.
    public var learningRate: Float = 0.02
    /// The training samples of all clients together.
    public var samples = 6_000
    /// The classes of which samples are labelled: those from 0.
    public var seenClasses = 6
    /// The share of the seen classes' samples that is labelled.
    public var labelledFraction = 0.5
    /// The last classes are rare: each lives on one client.
    public var rareClasses = 2
    /// The weight of the suppressed confidence.
    public var suppression: Float = 2
    /// The weight of a class that nothing was taken for.
    public var base: Float = 0.2
    /// The clusters that a client sends.
    public var localCentroids = 32
    /// The weight of the alignment with the centroids.
    public var alignment: Float = 0.5
    /// The cluster's probability from which it labels.
    public var clusterFloor: Float = 0.95
    /// The first rounds of every method, with labelled samples alone: what a pre-trained model stands for elsewhere.
    public var supervisedRounds = 4
    /// The rounds before centroids count; two rounds later they label.
    public var warmUp = 5

    /// Creates a scenario with default numbers.
    public init(data: String) { self.data = data }
}

extension OpenWorldScenario: Decodable {
    /// Reads a file: `name`, `seeds`, `threads`, and everything else under `open_world`.
    ///
    /// - Throws: ``SpecificationError``.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: Scenarios.headKeys + [Self.key])
        let body: Body = try file.required(Self.key)
        self = body.scenario
        try Scenarios.readHead(file, &name, &seeds, &threads)
    }

    private struct Body: Decodable {
        var scenario: OpenWorldScenario

        init(from decoder: any Decoder) throws {
            let known = [
                "data", "methods", "model", "clients", "rounds", "local_epochs", "batch_size", "learning_rate",
                "samples", "seen_classes", "labelled_fraction", "rare_classes", "suppression", "base",
                "local_centroids", "alignment", "cluster_floor", "warm_up", "supervised_rounds",
            ]
            let file = try StrictContainer(decoder, known: known)
            scenario = OpenWorldScenario(data: try file.required("data"))
            if let names: [String] = try file.optional("methods") {
                let methods = names.compactMap(OpenWorldScenario.Method.init)
                let all = OpenWorldScenario.Method.allCases.map(\.rawValue).joined(separator: ", ")
                try file.check(methods.count == names.count && !methods.isEmpty, "methods", "a list of: \(all)")
                scenario.methods = methods
            }
            scenario.model = try file.value("model", default: scenario.model)
            scenario.clients = try file.value("clients", default: scenario.clients)
            scenario.rounds = try file.value("rounds", default: scenario.rounds)
            scenario.localEpochs = try file.value("local_epochs", default: scenario.localEpochs)
            scenario.batchSize = try file.value("batch_size", default: scenario.batchSize)
            scenario.learningRate = try file.value("learning_rate", default: scenario.learningRate)
            scenario.samples = try file.value("samples", default: scenario.samples)
            scenario.seenClasses = try file.value("seen_classes", default: scenario.seenClasses)
            scenario.labelledFraction = try file.value("labelled_fraction", default: scenario.labelledFraction)
            scenario.rareClasses = try file.value("rare_classes", default: scenario.rareClasses)
            scenario.suppression = try file.value("suppression", default: scenario.suppression)
            scenario.base = try file.value("base", default: scenario.base)
            scenario.localCentroids = try file.value("local_centroids", default: scenario.localCentroids)
            scenario.alignment = try file.value("alignment", default: scenario.alignment)
            scenario.clusterFloor = try file.value("cluster_floor", default: scenario.clusterFloor)
            scenario.warmUp = try file.value("warm_up", default: scenario.warmUp)
            scenario.supervisedRounds = try file.value("supervised_rounds", default: scenario.supervisedRounds)
            try check(file)
        }

        private func check(_ file: StrictContainer) throws {
            let classes = scenario.model.classes
            try file.check((1...10_000).contains(scenario.clients), "clients", "1 to 10000")
            try file.check((1...100_000).contains(scenario.rounds), "rounds", "1 to 100000")
            try file.check((1...1_000).contains(scenario.localEpochs), "local_epochs", "1 to 1000")
            try file.check((2...4_096).contains(scenario.batchSize), "batch_size", "2 to 4096")
            let rate = scenario.learningRate
            try file.check(rate > 0 && rate.isFinite, "learning_rate", "a positive number")
            try file.check(scenario.samples >= 16, "samples", "16 or more")
            try file.check((1...classes).contains(scenario.seenClasses), "seen_classes", "1 up to the classes")
            try file.check((0...1).contains(scenario.labelledFraction), "labelled_fraction", "between 0 and 1")
            let rest = classes - scenario.seenClasses
            try file.check((0...rest).contains(scenario.rareClasses), "rare_classes", "0 up to the unseen classes")
            let weights = [scenario.suppression, scenario.alignment, scenario.clusterFloor]
            try file.check(weights.allSatisfy { $0 >= 0 && $0.isFinite }, "suppression", "0 or more, as all weights")
            try file.check(scenario.base > 0 && scenario.base <= 1, "base", "above 0, at most 1")
            try file.check((1...4_096).contains(scenario.localCentroids), "local_centroids", "1 to 4096")
            try file.check(scenario.warmUp >= 0, "warm_up", "0 or more")
            try file.check(scenario.supervisedRounds >= 0, "supervised_rounds", "0 or more")
        }
    }
}
