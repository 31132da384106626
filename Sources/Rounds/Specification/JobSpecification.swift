// SPDX-License-Identifier: Apache-2.0

/// A federated training job: what to train, with whom, for how long.
///
/// The same specification and seed give the same final model, bit for bit, in the fast simulation, in the protocol
/// simulation and over TCP, as long as the same agents take part.
public struct JobSpecification: Hashable, Sendable, Codable {
    /// What one update must satisfy to be accepted.
    public struct Admission: Hashable, Sendable, Codable {
        /// The largest Euclidean norm of an update; 0 for no bound.
        public var maximumNorm: Double
        /// The largest weight (number of samples) that an update may claim.
        public var maximumWeight: Double

        /// Creates bounds.
        public init(maximumNorm: Double = 0, maximumWeight: Double = 1e9) {
            self.maximumNorm = maximumNorm
            self.maximumWeight = maximumWeight
        }

        private enum CodingKeys: String, CodingKey {
            case maximumNorm = "maximum_norm"
            case maximumWeight = "maximum_weight"
        }

        /// Reads the `admission:` part of a job file.
        public init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["maximum_norm", "maximum_weight"])
            maximumNorm = try file.value("maximum_norm", default: 0)
            maximumWeight = try file.value("maximum_weight", default: 1e9)
            try file.check(maximumNorm >= 0 && maximumNorm.isFinite, "maximum_norm", "0 (no bound) or more")
            try file.check(maximumWeight > 0 && maximumWeight.isFinite, "maximum_weight", "a positive number")
        }
    }

    /// A name for people, 1 to 128 bytes.
    public var name: String
    /// The seed of all of the job's randomness.
    public var seed: UInt64
    /// The number of rounds, 1 or more.
    public var rounds: Int
    /// The agents that must be there before the first round begins.
    public var minimumAgents: Int
    /// The model.
    public var model: ModelSpecification
    /// The training on the agents.
    public var training: TrainingSpecification
    /// How updates are combined.
    public var strategy: Strategy
    /// Whom a round asks and when it is complete.
    public var round: RoundPolicy
    /// How the agents of a round are chosen; nil for uniformly among all.
    public var selection: SelectionSpecification?
    /// How vectors are coded.
    public var codec: Coding
    /// What an update must satisfy.
    public var admission: Admission
    /// After every how many rounds the agents evaluate the model on their held-out samples; 0 for never.
    /// The final model is evaluated unless this is 0.
    public var evaluateEvery: Int
    /// The accuracy that is aimed at; nil for none.
    public var target: Target?
    /// What makes it an adaptation job instead of a training job: devices answer their streams, the cloud learns from
    /// the samples that they send. The module `Adaptation` reads it.
    public var adaptation: JSONValue?

    /// Creates a specification.
    public init(
        name: String = "job",
        seed: UInt64 = 1,
        rounds: Int = 10,
        minimumAgents: Int = 1,
        model: ModelSpecification = ModelSpecification(),
        training: TrainingSpecification = TrainingSpecification(),
        strategy: Strategy = Strategy(),
        round: RoundPolicy = RoundPolicy(),
        selection: SelectionSpecification? = nil,
        codec: Coding = Coding(),
        admission: Admission = Admission(),
        evaluateEvery: Int = 1,
        target: Target? = nil,
        adaptation: JSONValue? = nil
    ) {
        self.name = name
        self.seed = seed
        self.rounds = rounds
        self.minimumAgents = minimumAgents
        self.model = model
        self.training = training
        self.strategy = strategy
        self.round = round
        self.selection = selection
        self.codec = codec
        self.admission = admission
        self.evaluateEvery = evaluateEvery
        self.target = target
        self.adaptation = adaptation
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name
        case seed
        case rounds
        case minimumAgents = "minimum_agents"
        case model
        case training
        case strategy
        case round
        case selection
        case codec
        case admission
        case evaluateEvery = "evaluate_every"
        case target
        case adaptation
    }

    /// The keys of a job file.
    package static let knownKeys = CodingKeys.allCases.map(\.rawValue)

    /// Reads a job file.
    public init(from decoder: any Decoder) throws {
        try self.init(StrictContainer(decoder, known: Self.knownKeys))
    }

    /// Reads the job's keys of a mapping that may have further keys.
    package init(_ file: StrictContainer) throws {
        name = try file.value("name", default: "job")
        seed = try file.value("seed", default: 1)
        rounds = try file.value("rounds", default: 10)
        minimumAgents = try file.value("minimum_agents", default: 1)
        model = try file.value("model", default: ModelSpecification())
        training = try file.value("training", default: TrainingSpecification())
        strategy = try file.value("strategy", default: Strategy())
        try strategy.complete(&training)
        round = try file.value("round", default: RoundPolicy())
        selection = try file.optional("selection")
        codec = try file.value("codec", default: Coding())
        admission = try file.value("admission", default: Admission())
        evaluateEvery = try file.value("evaluate_every", default: 1)
        target = try file.optional("target")
        adaptation = try file.optional("adaptation")
        try file.check(!name.isEmpty && name.utf8.count <= 128, "name", "1 to 128 bytes long")
        try file.check(rounds >= 1 && rounds <= 1 << 30, "rounds", "between 1 and 2^30")
        try file.check(
            minimumAgents >= 1 && minimumAgents <= Limits.connections,
            "minimum_agents",
            "between 1 and \(Limits.connections)"
        )
        try file.check(evaluateEvery >= 0, "evaluate_every", "0 (never) or more")
        try file.check(
            clientSelection.isUniform || choosesAgents,
            "selection",
            "uniform where a round asks everyone; set round.cohort (in buffered rounds round.concurrency)"
        )
        let isReachable = target?.stops != true || evaluateEvery > 0
        try file.check(isReachable, "evaluate_every", "1 or more where 'target.stop' ends the job")
    }
}
