// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Gives clients with a higher loss a larger part, the more the larger q (q-FedAvg; Li and others 2020).
///
/// With the loss `F_i` at the round's model, `L = 1 / eta` and `u_i = -L delta_i`:
///
///     aggregate = sum_i F_i^q L delta_i / sum_i h_i,     h_i = q F_i^(q-1) |u_i|^2 + L F_i^q
///
/// q = 0 is the plain, unweighted mean. `F_i` is the update's ``UpdateMetadata/initialLoss``; 1e-10 is added to it, as
/// in the authors' code. Sample weights do not count.
public struct FairAveraging: ComposableRule {
    /// `q-fedavg`.
    public var name: String { "q-fedavg" }
    /// The strength of fairness: q, not negative.
    public let fairness: Double
    /// The local learning rate eta, positive.
    public let learningRate: Double
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(fairness: Double, learningRate: Double, engine: AggregationEngine = AggregationEngine()) throws {
        try FaultTolerance.require(
            fairness >= 0 && fairness.isFinite,
            rule: "q-fedavg",
            "q must not be negative, as \(fairness) is"
        )
        try FaultTolerance.require(
            learningRate > 0 && learningRate.isFinite,
            rule: "q-fedavg",
            "lr must be positive, not \(learningRate)"
        )
        self.fairness = fairness
        self.learningRate = learningRate
        self.engine = engine
    }

    /// Combines the updates: one pass for their norms, one for the combination.
    ///
    /// - Throws: ``AggregationError``: `missingMetadata` where an update does not tell its loss; `invalidParameter`
    ///   behind pre-aggregators, which mix updates with different losses.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try FaultTolerance.require(input.mixing == nil, rule: name, "pre-aggregators cannot stand before it")
        let losses = try (0..<input.count).map { index in
            guard let loss = input.updates.metadata(at: index).initialLoss, loss >= 0, loss.isFinite else {
                throw AggregationError(
                    .missingMetadata,
                    "q-fedavg needs update \(index)'s loss before training, finite"
                )
            }
            return loss + 1e-10
        }
        let squaredNorms = try NormPass.squaredNorms(input.updates, rule: name, engine: engine)
        let smoothness = 1 / learningRate
        let powers = losses.map { pow($0, fairness) }
        let denominator = losses.indices.reduce(0.0) { sum, index in
            let squaredStep = smoothness * smoothness * squaredNorms[index]
            return sum + fairness * pow(losses[index], fairness - 1) * squaredStep + smoothness * powers[index]
        }
        let coefficients = powers.map { $0 * smoothness / denominator }
        try CombinationPass(input.updates, coefficients: coefficients, rule: name).run(engine: engine, sink: sink)
    }
}
