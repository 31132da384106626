// SPDX-License-Identifier: Apache-2.0

/// Downweights updates along the direction of largest variance until enough weight is gone (CAF; Allouah and others
/// 2025).
///
///     c_i = 1;   while sum c > n - 2f:
///         mu = sum_i c_i x_i / sum c;   (lambda, v) = dominant eigenpair of sum_i c_i (x_i - mu)(x_i - mu)^T / sum c
///         remember mu where lambda is least;   tau_i = <x_i - mu, v>^2;   c_i <- c_i (1 - tau_i / max tau)
///
/// The result is the remembered mean. The eigenpair is exact, from the n x n matrix of inner products; ByzFL takes one
/// power step from a random start instead. With f = 0 the result is the plain mean. Needs more than `2 * faulty`
/// updates. Weights do not count.
public struct CovarianceFilter: GramRule {
    /// `caf`.
    public var name: String { "caf" }
    /// The faulty updates that the rule bears: f.
    public let faulty: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(faulty: Int, engine: AggregationEngine = AggregationEngine()) {
        self.faulty = faulty
        self.engine = engine
    }

    /// More than `2 * faulty` updates.
    public func check(count: Int) throws {
        try FaultTolerance.check(rule: name, faulty: faulty, count: count)
    }

    /// The coefficients of the mean with the least top eigenvalue.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) -> [Double] {
        let count = gram.count
        var c = [Double](repeating: 1, count: count)
        var best = c.map { $0 / Double(count) }
        var leastEigenvalue = Double.infinity
        // Each round removes the whole weight of at least one update, so there are at most n rounds.
        while faulty > 0, c.reduce(0, +) > Double(count - 2 * faulty) {
            let total = c.reduce(0, +)
            let mean = c.map { $0 / total }
            let centered = gram.centered(at: mean)
            let roots = mean.map { $0.squareRoot() }
            // The covariance A A^T with columns sqrt(c_i / sum c) (x_i - mu) has the eigenvalues of A^T A.
            let dual = (0..<(count * count)).map { roots[$0 / count] * roots[$0 % count] * centered.values[$0] }
            let eigen = SymmetricEigen(dual, count: count)
            let eigenvalue = eigen.values[0]
            if eigenvalue < leastEigenvalue { (leastEigenvalue, best) = (eigenvalue, mean) }
            // <x_i - mu, v> = sum_j sqrt(c_j / sum c) <x_i - mu, x_j - mu> u_j, up to a factor that tau / max tau
            // loses.
            let direction = zip(roots, eigen.vectors[0]).map { $0 * $1 }
            let projections = centered.multiplied(by: direction).map { $0 * $0 }
            let largest = projections.enumerated().reduce(0) { c[$1.offset] > 0 ? max($0, $1.element) : $0 }
            guard eigenvalue > 0, largest > 0 else { break }
            for index in 0..<count { c[index] *= max(0, 1 - projections[index] / largest) }
        }
        return best
    }
}

extension GramMatrix {
    /// The inner products of the vectors' differences to `sum_j mean[j] x_j`, where the coefficients sum to 1.
    func centered(at mean: [Double]) -> GramMatrix {
        let product = multiplied(by: mean)
        let squaredNorm = zip(product, mean).reduce(0) { $0 + $1.0 * $1.1 }
        var result = self
        for row in 0..<count {
            for column in 0..<count {
                result.values[row * count + column] += squaredNorm - product[row] - product[column]
            }
        }
        return result
    }
}
