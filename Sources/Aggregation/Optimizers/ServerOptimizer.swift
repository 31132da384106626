// SPDX-License-Identifier: Apache-2.0

/// Turns the aggregate of a round into the change of the model: `w <- w + change`.
///
/// A pure function of the state and the aggregate. Optimizers that treat each coordinate for itself pass blocks on as
/// they come and hold nothing as long as the model but their state.
public protocol ServerOptimizer: Sendable {
    /// The name as users write it: lower case with hyphens.
    var name: String { get }

    /// Pulls the aggregate and hands the change to `sink`, block by block from the first coordinate to the last.
    ///
    /// - Parameters:
    ///   - aggregate: the round's aggregate, pulled once.
    ///   - state: what the optimizer remembers: an empty state before the first round. When the call throws, the
    ///     state may be half changed and must be thrown away.
    ///   - sink: takes the change.
    /// - Throws: ``AggregationError`` with code `invalidState`; what the rule, the updates or the sink throw.
    func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws
}

/// The aggregate of one round, still to be computed: a rule and its updates.
public struct RoundAggregate {
    /// The accepted updates.
    public let updates: any UpdateSet
    /// The rule that combines them.
    public let rule: any AggregationRule
    /// What the rule remembers.
    public private(set) var state: AggregationState
    private let kept: KeptAggregate?

    /// Prepares a round.
    public init(of updates: any UpdateSet, by rule: any AggregationRule, state: AggregationState = AggregationState()) {
        self.init(of: updates, by: rule, state: state, keeping: nil)
    }

    init(of updates: any UpdateSet, by rule: any AggregationRule, state: AggregationState, keeping kept: KeptAggregate?)
    {
        self.updates = updates
        self.rule = rule
        self.state = state
        self.kept = kept
    }

    /// Computes the aggregate.
    public mutating func stream(into sink: AggregateSink) throws {
        guard let kept else { return try rule.aggregate(updates, state: &state, sink: sink) }
        try rule.aggregate(updates, state: &state) { start, values in
            kept.keep(start, values)
            try sink(start, values)
        }
    }
}
