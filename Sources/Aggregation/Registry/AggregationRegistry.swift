// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Finds rules, pre-aggregators, server optimizers and attacks by the names that users write.
public enum AggregationRegistry {
    struct RuleEntry {
        let name: String
        let keys: [String]
        let make: @Sendable (AggregationSettings, AggregationEngine) throws -> any ComposableRule
    }

    struct PreAggregatorEntry {
        let name: String
        let keys: [String]
        let make: @Sendable (AggregationSettings, Seed) throws -> any PreAggregator
    }

    struct OptimizerEntry {
        let name: String
        let keys: [String]
        let make: @Sendable (AggregationSettings, AggregationEngine) throws -> any ServerOptimizer
    }

    /// The names of all rules.
    public static var ruleNames: [String] { rules.map(\.name) }
    /// The names of all pre-aggregators.
    public static var preAggregatorNames: [String] { preAggregators.map(\.name) }
    /// The names of all server optimizers.
    public static var optimizerNames: [String] { optimizers.map(\.name) }

    /// The settings that a rule, pre-aggregator or optimizer knows; nil for an unknown name.
    public static func settingNames(of name: String) -> [String]? {
        rules.first { $0.name == name }?.keys ?? preAggregators.first { $0.name == name }?.keys
            ?? optimizers.first { $0.name == name }?.keys
    }

    /// The rule of this name, with pre-aggregators before it.
    ///
    /// - Parameters:
    ///   - name: one of ``ruleNames``.
    ///   - settings: numbers by name: `f`, `tau`, ...; `part.key` sets one part alone (`nnm.f`). Switches are 0 or 1.
    ///   - pre: names of ``preAggregatorNames``, the first applied first.
    ///   - seed: the randomness of this round, for bucketing.
    ///   - engine: the threads.
    /// - Throws: ``AggregationError``: `unknownRule`, `unknownSetting` (both list the known), `invalidParameter`.
    public static func rule(
        named name: String,
        settings: [String: Double] = [:],
        pre: [String] = [],
        seed: Seed = Seed(0),
        engine: AggregationEngine = AggregationEngine()
    ) throws -> any AggregationRule {
        let entry = try find(name, in: rules, name: \.name, kind: "rule")
        let before = try pre.map { try find($0, in: preAggregators, name: \.name, kind: "pre-aggregator") }
        try refuseUnknown(settings, parts: [(entry.name, entry.keys)] + before.map { ($0.name, $0.keys) })
        let rule = try entry.make(.init(settings, part: entry.name, known: entry.keys), engine)
        guard !before.isEmpty else { return rule }
        let made = try before.enumerated().map { position, entry in
            try entry.make(
                .init(settings, part: entry.name, known: entry.keys),
                seed.deriving("pre", UInt64(position))
            )
        }
        return PreAggregatedRule(made, before: rule)
    }

    /// The server optimizer of this name.
    ///
    /// - Throws: ``AggregationError``: `unknownRule`, `unknownSetting` (both list the known), `invalidParameter`.
    public static func optimizer(
        named name: String,
        settings: [String: Double] = [:],
        engine: AggregationEngine = AggregationEngine()
    ) throws -> any ServerOptimizer {
        let entry = try find(name, in: optimizers, name: \.name, kind: "server optimizer")
        try refuseUnknown(settings, parts: [(entry.name, entry.keys)])
        return try entry.make(.init(settings, part: entry.name, known: entry.keys), engine)
    }

    /// A whole strategy: pre-aggregators, rule and optimizer share the settings, each taking those that it knows.
    ///
    /// - Parameters:
    ///   - rule: one of ``ruleNames``.
    ///   - pre: names of ``preAggregatorNames``.
    ///   - optimizer: one of ``optimizerNames``.
    ///   - settings: numbers by name, as in ``rule(named:settings:pre:seed:engine:)``.
    ///   - seed: the randomness of this round, for bucketing.
    ///   - clientCount: the clients of the job, for formulas that have it.
    ///   - engine: the threads.
    /// - Throws: ``AggregationError`` as the parts' own functions do.
    public static func strategy(
        rule: String,
        pre: [String] = [],
        optimizer: String = "plain",
        settings: [String: Double] = [:],
        seed: Seed = Seed(0),
        clientCount: Int = 1,
        engine: AggregationEngine = AggregationEngine()
    ) throws -> AggregationStrategy {
        let last = try find(optimizer, in: optimizers, name: \.name, kind: "server optimizer")
        let first = try [find(rule, in: rules, name: \.name, kind: "rule")].map { ($0.name, $0.keys) }
        let before = try pre.map { try find($0, in: preAggregators, name: \.name, kind: "pre-aggregator") }
        let parts = first + before.map { ($0.name, $0.keys) }
        try refuseUnknown(settings, parts: parts + [(last.name, last.keys)])
        func known(_ parts: [(String, [String])]) -> [String: Double] {
            let names = Set(parts.flatMap { part in part.1 + part.1.map { "\(part.0).\($0)" } })
            return settings.filter { names.contains($0.key) }
        }
        var made = try self.optimizer(named: optimizer, settings: known([(last.name, last.keys)]), engine: engine)
        if var aware = made as? any ServerOptimizer & PopulationAware {
            aware.clientCount = clientCount
            made = aware
        }
        return AggregationStrategy(
            rule: try self.rule(named: rule, settings: known(parts), pre: pre, seed: seed, engine: engine),
            optimizer: made
        )
    }

    static func find<Entry>(
        _ wanted: String,
        in entries: [Entry],
        name: KeyPath<Entry, String>,
        kind: String
    ) throws -> Entry {
        guard let entry = entries.first(where: { $0[keyPath: name] == wanted }) else {
            let known = entries.map { $0[keyPath: name] }.joined(separator: ", ")
            throw AggregationError(.unknownRule, "no \(kind) is named '\(wanted.prefix(64))'; known are \(known)")
        }
        return entry
    }

    static func refuseUnknown(_ settings: [String: Double], parts: [(name: String, keys: [String])]) throws {
        let known = Set(parts.flatMap { part in part.keys + part.keys.map { "\(part.name).\($0)" } })
        guard let unknown = settings.keys.filter({ !known.contains($0) }).min() else { return }
        let lists = parts.map { part in
            "\(part.name) knows " + (part.keys.isEmpty ? "none" : part.keys.joined(separator: ", "))
        }
        throw AggregationError(
            .unknownSetting,
            "there is no setting '\(unknown.prefix(64))': \(lists.joined(separator: "; "))"
        )
    }
}
