// SPDX-License-Identifier: Apache-2.0

/// The mean of each coordinate without its `faulty` smallest and `faulty` largest values (Yin and others 2018).
///
/// Weights do not count. Needs more than `2 * faulty` updates.
public struct TrimmedMean: ComposableRule {
    /// `trimmed-mean`.
    public var name: String { "trimmed-mean" }
    /// The values dropped at each end: f.
    public let faulty: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(faulty: Int, engine: AggregationEngine = AggregationEngine()) {
        self.faulty = faulty
        self.engine = engine
    }

    /// Combines the updates; see ``AggregationRule/aggregate(_:state:sink:)``.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try FaultTolerance.check(rule: name, faulty: faulty, count: input.count)
        try CoordinatePass(updates: input.updates, mixing: input.mixing, rule: name, engine: engine)
            .run(.positions(faulty..<(input.count - faulty)), sink: sink)
    }
}
