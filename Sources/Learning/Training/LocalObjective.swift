// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// What a client minimises: a loss on the batch's logits, plus a quadratic term on the parameters.
///
/// Both parts default to plain training (mean cross-entropy, no further term). Methods that change the loss (margins,
/// calibrated logits) implement ``lossAndGradient(_:)``; methods that pull or correct the parameters (FedProx,
/// SCAFFOLD, FedDyn) implement ``parameterTerm(start:)``. Neither costs anything in the matrix products.
public protocol LocalObjective: Sendable {
    /// Writes the gradient of the batch's mean loss with respect to the logits, and returns the samples' summed loss.
    func lossAndGradient(_ batch: LogitBatch) -> Double

    /// The term on the parameters for one round's training, nil for none.
    ///
    /// - Parameter start: the parameters that training starts from.
    func parameterTerm(start: ParameterVector) -> ParameterTerm?
}

extension LocalObjective {
    /// Mean cross-entropy.
    public func lossAndGradient(_ batch: LogitBatch) -> Double { batch.crossEntropy() }

    /// None.
    public func parameterTerm(start: ParameterVector) -> ParameterTerm? { nil }
}

/// Adds `coefficient / 2 * ||w||^2 + offset . w` to a client's loss, so `coefficient * w + offset` to its gradient.
public struct ParameterTerm: Sendable {
    /// The quadratic part's factor, 0 or more.
    public var coefficient: Float
    /// The linear part, in the model's layout; nil for zero.
    public var offset: ParameterVector?

    /// Creates a term.
    public init(coefficient: Float, offset: ParameterVector?) {
        self.coefficient = coefficient
        self.offset = offset
    }
}

/// Plain training: mean cross-entropy.
public struct CrossEntropyObjective: LocalObjective {
    /// Creates the objective.
    public init() {}
}

/// Adds a pull of `mu / 2 * ||w - start||^2` to the mean cross-entropy: FedProx.
///
/// Li et al. 2020, "Federated optimization in heterogeneous networks", section 3.
///
/// The gradient is `mu * (w - start)`: coefficient `mu`, offset `-mu * start`.
public struct ProximalObjective: LocalObjective {
    /// The strength of the pull towards the round's model, 0 or more.
    public let mu: Float

    /// Creates the objective.
    ///
    /// - Precondition: `mu` is finite and 0 or more.
    public init(mu: Float) {
        precondition(mu >= 0 && mu.isFinite, "the proximal coefficient is 0 or more")
        self.mu = mu
    }

    /// The pull towards `start`.
    public func parameterTerm(start: ParameterVector) -> ParameterTerm? {
        guard mu > 0 else { return nil }
        var offset = start
        offset.scale(by: -mu)
        return ParameterTerm(coefficient: mu, offset: offset)
    }
}
