// SPDX-License-Identifier: Apache-2.0

/// The mean of a buffer of updates of any age (FedBuff; Nguyen and others 2022, algorithm 1).
///
///     aggregate = (1 / K) sum_i s(tau_i) delta_i
///
/// The weights of staleness are not normalised: old updates move the model less. `s` is ``StalenessWeight``.
public struct BufferedAveraging: ComposableRule {
    /// `fedbuff`.
    public var name: String { "fedbuff" }
    /// The weight of an update's staleness.
    public let staleness: StalenessWeight
    /// Whether updates count by their samples, `n_i / sum_j n_j` in the place of `1 / K`.
    public let isWeighted: Bool
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(
        staleness: StalenessWeight = .polynomial(exponent: 0.5),
        isWeighted: Bool = false,
        engine: AggregationEngine = AggregationEngine()
    ) {
        self.staleness = staleness
        self.isWeighted = isWeighted
        self.engine = engine
    }

    /// Combines the updates; see ``AggregationRule/aggregate(_:state:sink:)``.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try FaultTolerance.require(input.mixing == nil, rule: name, "pre-aggregators cannot stand before it")
        let coefficients = (0..<input.count).map { index in
            (isWeighted ? input.weights[index] : 1 / Double(input.count))
                * staleness(input.updates.metadata(at: index).staleness)
        }
        try CombinationPass(input.updates, coefficients: coefficients, rule: name).run(engine: engine, sink: sink)
    }
}
