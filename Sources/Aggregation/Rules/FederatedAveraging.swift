// SPDX-License-Identifier: Apache-2.0

/// The mean of the updates, each weighted by its number of samples (FedAvg; McMahan and others 2017, algorithm 1).
///
///     aggregate = sum_i (n_i / sum_j n_j) * delta_i
///
/// One fused pass: each update is decoded block by block and accumulated in double precision. Memory is one block for
/// the sum and one for decoding, plus what the decoders hold.
public struct FederatedAveraging: ComposableRule {
    /// `fedavg`.
    public var name: String { "fedavg" }
    /// Whether every update counts alike: `1 / n` in the place of `n_i / sum_j n_j`.
    public let isUniform: Bool
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(isUniform: Bool = false, engine: AggregationEngine = AggregationEngine()) {
        self.isUniform = isUniform
        self.engine = engine
    }

    /// Combines the updates; see ``AggregationRule/aggregate(_:state:sink:)``.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        let equal = [Double](repeating: 1 / Double(input.count), count: input.count)
        let weights = isUniform ? equal : input.weights
        try CombinationPass(input.updates, coefficients: input.unmixed(weights), rule: name)
            .run(engine: engine, sink: sink)
    }
}
