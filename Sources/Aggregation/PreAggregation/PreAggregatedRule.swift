// SPDX-License-Identifier: Apache-2.0

/// A rule with pre-aggregators before it, applied in the order of the list.
///
/// Pre-aggregators are linear maps, so however many there are, one pass over the updates finds the Gram matrix from
/// which all of them, and rules like Krum, decide; one more pass makes the result.
public struct PreAggregatedRule: AggregationRule {
    /// The pre-aggregators, the first applied first.
    public let preAggregators: [any PreAggregator]
    /// The rule that sees the mixed vectors.
    public let rule: any ComposableRule

    /// Creates the composition.
    public init(_ preAggregators: [any PreAggregator], before rule: any ComposableRule) {
        self.preAggregators = preAggregators
        self.rule = rule
    }

    /// The names joined by `+`: `nnm+krum`.
    public var name: String { (preAggregators.map(\.name) + [rule.name]).joined(separator: "+") }

    /// Combines the updates without a memory.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        let prepared = try Self.prepare(updates, by: preAggregators, rule: name, engine: rule.engine)
        try rule.aggregate(prepared, sink: sink)
    }

    /// Combines the updates.
    public func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        let prepared = try Self.prepare(updates, by: preAggregators, rule: name, engine: rule.engine)
        try rule.aggregate(prepared, state: &state, sink: sink)
    }

    /// The mixed vectors themselves, in memory.
    ///
    /// - Throws: ``AggregationError`` as the pre-aggregators do.
    public static func apply(
        _ preAggregators: [any PreAggregator],
        to updates: any UpdateSet,
        engine: AggregationEngine = AggregationEngine()
    ) throws -> MemoryUpdateSet {
        let names = preAggregators.map(\.name).joined(separator: "+")
        let prepared = try prepare(updates, by: preAggregators, rule: names, engine: engine)
        return try MixingPass.materialize(prepared, engine: engine)
    }

    private static func prepare(
        _ updates: any UpdateSet,
        by preAggregators: [any PreAggregator],
        rule: String,
        engine: AggregationEngine
    ) throws -> PreparedUpdates {
        var weights = try updates.normalizedWeights(for: rule)
        let raw =
            preAggregators.contains(where: \.needsGram)
            ? try GramPass.whole(updates, rule: rule, engine: engine) : nil
        var gram = raw
        var composed = Mixing(scales: [Double](repeating: 1, count: updates.count))
        for preAggregator in preAggregators {
            let mixing = try preAggregator.mixing(count: composed.rowCount, gram: gram)
            gram = gram?.transformed(by: mixing)
            composed = mixing.after(composed)
            if preAggregator.averages {
                weights = mixing.rows.map { row in row.reduce(0) { $0 + $1.weight * weights[$1.column] } }
                let total = weights.reduce(0, +)
                weights = weights.map { $0 / total }
            }
        }
        return PreparedUpdates(updates, mixing: composed, gram: raw, weights: weights)
    }
}
