// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Adds FedLD's margin control to the mean cross-entropy: a penalty on confident outputs.
///
/// Zeng et al. 2024, "FedLD: Federated learning with loss decomposition" (MICCAI), section 2; `p_b` are a sample's
/// probabilities, `z_b` its logits, B the samples of the batch:
///
///     frobenius:   lambda * ln(1 + sum_b ||p_b||^2)                 the released code
///     perSample:   lambda / B * sum_b ln(1 + ||p_b||^2)
///     logits:      lambda / B * sum_b ln(1 + ||z_b||^2)             the paper's figure
public struct MarginObjective: LocalObjective {
    /// What the norm is taken of.
    public enum Form: Int, Sendable, CaseIterable {
        /// The probabilities of the whole batch, one norm.
        case frobenius = 0
        /// The probabilities of each sample.
        case perSample = 1
        /// The logits of each sample.
        case logits = 2
    }

    /// The penalty's factor, 0 or more.
    public let lambda: Float
    /// What the norm is taken of.
    public let form: Form

    /// Creates the objective.
    ///
    /// - Precondition: `lambda` is finite and 0 or more.
    public init(lambda: Float, form: Form = .frobenius) {
        precondition(lambda >= 0 && lambda.isFinite, "the margin's factor is 0 or more")
        self.lambda = lambda
        self.form = form
    }

    /// The cross-entropies' sum plus B times the penalty; writes the gradient of both.
    public func lossAndGradient(_ batch: LogitBatch) -> Double {
        let crossEntropy = batch.crossEntropy()
        guard lambda > 0 else { return crossEntropy }
        let rows = Double(batch.rowCount)
        let penalty =
            switch form {
            case .frobenius: frobenius(batch)
            case .perSample: perSample(batch) / rows
            case .logits: logits(batch) / rows
            }
        return crossEntropy + rows * Double(lambda) * penalty
    }

    /// `ln(1 + S)`, S the sum over the batch; `d/dz_bc = lambda * 2 / (1 + S) * p_bc * (p_bc - ||p_b||^2)`.
    private func frobenius(_ batch: LogitBatch) -> Double {
        var sum = 0.0
        for row in 0..<batch.rowCount { sum += Self.squaredNorm(batch.probabilities, batch, row) }
        let factor = Float(2 * Double(lambda) / (1 + sum))
        for row in 0..<batch.rowCount {
            addSoftmaxGradient(batch, row, norm: Self.squaredNorm(batch.probabilities, batch, row), factor: factor)
        }
        return log1p(sum)
    }

    /// The samples' `ln(1 + s_b)`; `d/dz_bc = lambda / B * 2 / (1 + s_b) * p_bc * (p_bc - s_b)`.
    private func perSample(_ batch: LogitBatch) -> Double {
        var penalty = 0.0
        for row in 0..<batch.rowCount {
            let norm = Self.squaredNorm(batch.probabilities, batch, row)
            penalty += log1p(norm)
            let factor = Float(2 * Double(lambda) / (Double(batch.rowCount) * (1 + norm)))
            addSoftmaxGradient(batch, row, norm: norm, factor: factor)
        }
        return penalty
    }

    /// The samples' `ln(1 + t_b)`; `d/dz_bc = lambda / B * 2 / (1 + t_b) * z_bc`.
    private func logits(_ batch: LogitBatch) -> Double {
        var penalty = 0.0
        for row in 0..<batch.rowCount {
            let norm = Self.squaredNorm(batch.logits, batch, row)
            penalty += log1p(norm)
            let factor = Float(2 * Double(lambda) / (Double(batch.rowCount) * (1 + norm)))
            let base = row * batch.stride
            for at in base..<(base + batch.classCount) { batch.gradient[at] += factor * batch.logits[at] }
        }
        return penalty
    }

    private static func squaredNorm(_ values: UnsafeMutablePointer<Float>, _ batch: LogitBatch, _ row: Int) -> Double {
        var sum = 0.0
        let base = row * batch.stride
        for at in base..<(base + batch.classCount) { sum += Double(values[at]) * Double(values[at]) }
        return sum
    }

    private func addSoftmaxGradient(_ batch: LogitBatch, _ row: Int, norm: Double, factor: Float) {
        let base = row * batch.stride
        for at in base..<(base + batch.classCount) {
            let probability = batch.probabilities[at]
            batch.gradient[at] += factor * probability * (probability - Float(norm))
        }
    }
}
