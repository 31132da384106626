// SPDX-License-Identifier: Apache-2.0

public import Selection

/// Says how a job chooses the agents of a round, and which agents take part in it at all.
///
///     selection: uncertainty
///     selection: {policy: power-of-choice, candidates: 20, where: "region=eu & ram>4"}
public struct SelectionSpecification: Hashable, Sendable, Codable {
    /// Which scores decide.
    public enum Scores: String, Hashable, Sendable, Codable, CaseIterable {
        /// Those that agents reported with their last update: choosing costs no message.
        case last
        /// Those of all agents on the model of the round: what papers assume. The fast simulation only.
        case fresh
    }

    /// The samples that an agent scores unless the job says otherwise.
    public static let defaultSamples = 256

    /// How the agents of a round are chosen.
    public var policy: ClientPolicy
    /// The agents that take part: only they train and evaluate; nil for all.
    public var predicate: LabelPredicate?
    /// The most samples that an agent scores in a round, where the policy asks for scores; 1 or more.
    public var samples: Int
    /// Which scores decide, where the policy has any.
    public var scores: Scores

    /// Creates a specification.
    public init(
        policy: ClientPolicy = .uniform,
        where predicate: LabelPredicate? = nil,
        samples: Int = Self.defaultSamples,
        scores: Scores = .last
    ) {
        self.policy = policy
        self.predicate = predicate
        self.samples = samples
        self.scores = scores
    }

    /// Whether agents are drawn without a look at what is known of them.
    public var isUniform: Bool { policy == .uniform }

    /// Whether agents report how uncertain the model is of their samples, with every update.
    public var asksForUncertainty: Bool { if case .uncertainty = policy { scores == .last } else { false } }

    /// Whether what agents did and reported in earlier rounds decides.
    public var remembers: Bool {
        switch policy {
        case .uniform, .weighted: false
        case .powerOfChoice, .uncertainty: true
        }
    }

    /// Whether an agent with these labels and resources takes part.
    public func admits(labels: [String: String], resources: [String: Double]) -> Bool {
        predicate?.matches(labels: labels, numbers: resources) ?? true
    }

    // MARK: Text

    private static let parameters = ["candidates", "cap", "exploration", "size"]
    private static let knownKeys = ["policy", "where", "samples", "scores"] + parameters

    /// Reads the `selection:` part of a job file: a policy's text, or a mapping.
    public init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            policy = try Self.told("selection") { try ClientPolicy(parsing: text) }
            predicate = nil
            samples = Self.defaultSamples
            scores = .last
            return
        }
        let file = try StrictContainer(decoder, known: Self.knownKeys)
        let text = try file.value("policy", default: "uniform")
        var settings: [String: Double] = [:]
        for key in Self.parameters { settings[key] = try file.optional(key) }
        if settings.isEmpty {
            policy = try Self.told("selection.policy") { try ClientPolicy(parsing: text) }
        } else {
            // A text with settings of its own is no name, and is refused as one.
            policy = try Self.told("selection") { try ClientPolicy(named: text, settings: settings) }
        }
        let condition: String? = try file.optional("where")
        predicate = try condition.map { text in
            try Self.told("selection") { try LabelPredicate(parsing: text) }
        }
        samples = try file.value("samples", default: Self.defaultSamples)
        try file.check(samples >= 1 && samples <= 1 << 20, "samples", "between 1 and 2^20")
        scores = try file.choice("scores", default: .last)
        try file.check(
            scores == .last || remembers,
            "scores",
            "left out: only policies power-of-choice and uncertainty have scores"
        )
        let hasSamples = try (file.optional("samples") as Int?) != nil
        try file.check(
            !hasSamples || asksForUncertainty || scores == .fresh,
            "samples",
            "left out: only policy uncertainty and fresh scores look at samples for themselves"
        )
    }

    /// Writes what ``init(from:)`` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: StrictContainer.Key.self)
        try container.encode(policy.description, forKey: .init(stringValue: "policy"))
        try container.encodeIfPresent(predicate?.text, forKey: .init(stringValue: "where"))
        if scores == .fresh { try container.encode(scores, forKey: .init(stringValue: "scores")) }
        guard asksForUncertainty || scores == .fresh else { return }
        try container.encode(samples, forKey: .init(stringValue: "samples"))
    }

    /// Turns a parser's error into one of the job file, with its place in it.
    private static func told<Value>(_ key: String, _ read: () throws -> Value) throws -> Value {
        do {
            return try read()
        } catch let error as SelectionError {
            throw SpecificationError(.invalidValue, "'\(key)': \(error.message)")
        }
    }
}

extension JobSpecification {
    /// How the agents of a round are chosen, the default where the job does not say.
    public var clientSelection: SelectionSpecification { selection ?? SelectionSpecification() }

    /// Training as tasks have it: with what the selection has agents report.
    public var taskTraining: TrainingSpecification {
        var training = training
        if clientSelection.asksForUncertainty {
            training.settings["report_uncertainty"] = Double(clientSelection.samples)
        }
        return training
    }

    /// Whether a round chooses some of the agents that are there.
    var choosesAgents: Bool { round.mode == .buffered ? round.concurrency > 0 : round.cohort > 0 }
}
