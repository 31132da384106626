// SPDX-License-Identifier: Apache-2.0

/// The median of each coordinate; of an even number the mean of the middle two (Yin and others 2018).
///
/// Weights do not count.
public struct CoordinateMedian: ComposableRule {
    /// `median`.
    public var name: String { "median" }
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(engine: AggregationEngine = AggregationEngine()) {
        self.engine = engine
    }

    /// Combines the updates; see ``AggregationRule/aggregate(_:state:sink:)``.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        let count = input.count
        try CoordinatePass(updates: input.updates, mixing: input.mixing, rule: name, engine: engine)
            .run(.positions(((count - 1) / 2)..<(count / 2 + 1)), sink: sink)
    }
}
