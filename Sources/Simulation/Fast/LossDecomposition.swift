// SPDX-License-Identifier: Apache-2.0

/// The loss of a round's model in three parts (Zeng and others 2024, the decomposition of FedLD's authors).
///
/// With L_j the mean loss on client j's training samples, p_j its share of the samples, w_i what client i trained and w
/// the model made of them:
///
///     L(w) = sum_i p_i L_i(w_i)                               local
///          + sum_i p_i sum_j p_j [L_j(w_i) - L_i(w_i)]        distribution shift
///          + sum_i p_i [L(w) - L(w_i)]                        aggregation
///
/// an identity, since the terms telescope. Margin control aims at the second part, principal gradients at the third.
public struct LossDecomposition: Sendable, Hashable, Codable {
    /// What the clients reached on their own samples.
    public var local: Double
    /// What their models lose on the others' samples.
    public var shift: Double
    /// What combining the models adds, or takes away where it is below 0.
    public var aggregation: Double
    /// The loss of the round's model, measured for itself.
    public var total: Double

    /// The sum of the parts.
    public var sum: Double { local + shift + aggregation }

    /// Decomposes measured losses.
    ///
    /// - Parameters:
    ///   - weights: the clients' shares, with sum 1.
    ///   - losses: `losses[i][j]` is the mean loss of client i's model on client j's samples.
    ///   - model: the mean loss of the round's model on each client's samples.
    init(weights: [Double], losses: [[Double]], model: [Double]) {
        precondition(losses.count == weights.count && model.count == weights.count, "a row and a loss for each client")
        local = 0
        shift = 0
        aggregation = 0
        total = zip(weights, model).reduce(0) { $0 + $1.0 * $1.1 }
        for (client, weight) in weights.enumerated() {
            let own = losses[client][client]
            let everywhere = zip(weights, losses[client]).reduce(0) { $0 + $1.0 * $1.1 }
            local += weight * own
            shift += weight * zip(weights, losses[client]).reduce(0) { $0 + $1.0 * ($1.1 - own) }
            aggregation += weight * (total - everywhere)
        }
    }
}
