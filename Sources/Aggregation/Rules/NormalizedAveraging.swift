// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Averages updates per unit of local progress, so that clients with more steps do not pull the model (FedNova; Wang
/// and others 2020).
///
///     aggregate = tau_eff * sum_i p_i delta_i / a_i,     tau_eff = sum_i p_i a_i
///
/// `a_i` is the effective number of local steps, from the update's ``UpdateMetadata/localSteps`` tau:
/// plain SGD `a = tau`; with momentum rho `a = [tau - rho (1 - rho^tau) / (1 - rho)] / (1 - rho)`; with a proximal term
/// mu `a = sum_{k<tau} (1 - eta mu)^k`, where `tau_eff = sum_i p_i tau_i` (as the authors' code has it).
public struct NormalizedAveraging: ComposableRule {
    /// `fednova`.
    public var name: String { "fednova" }
    /// The local momentum: rho, at least 0 and below 1.
    public let momentum: Double
    /// The local proximal coefficient: mu, not negative.
    public let proximal: Double
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(momentum: Double = 0, proximal: Double = 0, engine: AggregationEngine = AggregationEngine()) throws {
        try FaultTolerance.require(
            momentum >= 0 && momentum < 1,
            rule: "fednova",
            "rho lies at or above 0 and below 1, not at \(momentum)"
        )
        try FaultTolerance.require(
            proximal >= 0 && proximal.isFinite,
            rule: "fednova",
            "mu must not be negative, as \(proximal) is"
        )
        try FaultTolerance.require(
            momentum == 0 || proximal == 0,
            rule: "fednova",
            "rho and mu have no common formula: give one of them"
        )
        self.momentum = momentum
        self.proximal = proximal
        self.engine = engine
    }

    /// Combines the updates.
    ///
    /// - Throws: ``AggregationError``: `missingMetadata` where an update does not tell its steps (or, with mu, its
    ///   learning rate); `invalidParameter` behind pre-aggregators, which mix updates with different numbers of steps.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try FaultTolerance.require(input.mixing == nil, rule: name, "pre-aggregators cannot stand before it")
        let effective = try (0..<input.count).map { try effectiveSteps(input.updates.metadata(at: $0), update: $0) }
        let scaling = try (0..<input.count).map { index in
            proximal > 0 ? Double(try steps(input.updates.metadata(at: index), update: index)) : effective[index]
        }
        let total = zip(input.weights, scaling).reduce(0) { $0 + $1.0 * $1.1 }
        let coefficients = zip(input.weights, effective).map { total * $0 / $1 }
        try CombinationPass(input.updates, coefficients: coefficients, rule: name).run(engine: engine, sink: sink)
    }

    /// The effective number of steps: a.
    func effectiveSteps(_ metadata: UpdateMetadata, update: Int) throws -> Double {
        let tau = Double(try steps(metadata, update: update))
        if momentum > 0 {
            return (tau - momentum * (1 - pow(momentum, tau)) / (1 - momentum)) / (1 - momentum)
        }
        guard proximal > 0 else { return tau }
        guard let rate = metadata.localLearningRate, rate > 0, rate * proximal < 1 else {
            throw AggregationError(
                .missingMetadata,
                "fednova with mu needs update \(update)'s learning rate, positive and below 1 / mu"
            )
        }
        // sum_{k < tau} q^k with q = 1 - rate * mu below 1.
        return (1 - pow(1 - rate * proximal, tau)) / (rate * proximal)
    }

    private func steps(_ metadata: UpdateMetadata, update: Int) throws -> Int {
        guard let steps = metadata.localSteps, steps >= 1 else {
            throw AggregationError(
                .missingMetadata,
                "fednova needs update \(update)'s number of local steps, at least 1"
            )
        }
        return steps
    }
}
