// SPDX-License-Identifier: Apache-2.0

/// The point with the least sum of distances to the updates, by the smoothed Weiszfeld iteration (Pillutla and others
/// 2022).
///
///     z_0 = 0;   b_i = 1 / max(nu, |x_i - z|);   z <- sum_i b_i x_i / sum_i b_i
///
/// The iteration runs on the coefficients of the updates: `|x_i - z|` follows from the Gram matrix. ByzFL's definition
/// is three iterations with nu = 0.1; more iterations come closer to the geometric median itself. Weights do not count.
public struct GeometricMedian: GramRule {
    /// `geometric-median`.
    public var name: String { "geometric-median" }
    /// The smallest distance that is told apart from 0: nu, positive.
    public let smoothing: Double
    /// The number of iterations, at least 1.
    public let iterations: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(smoothing: Double = 0.1, iterations: Int = 3, engine: AggregationEngine = AggregationEngine()) throws {
        try FaultTolerance.require(
            smoothing > 0 && smoothing.isFinite,
            rule: "geometric-median",
            "nu must be positive and finite, not \(smoothing)"
        )
        try FaultTolerance.require(
            iterations >= 1,
            rule: "geometric-median",
            "it needs at least one iteration, not \(iterations)"
        )
        self.smoothing = smoothing
        self.iterations = iterations
        self.engine = engine
    }

    /// Nothing depends on the number of updates.
    public func check(count: Int) throws {}

    /// The coefficients of the last iterate.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) -> [Double] {
        var z = [Double](repeating: 0, count: gram.count)
        for _ in 0..<iterations {
            let product = gram.multiplied(by: z)
            let squaredNorm = gram.squaredNorm(ofCombination: z)
            let inverses = (0..<gram.count).map { index in
                let distance = gram.squaredDistance(index, toCombination: product, squaredNorm: squaredNorm)
                    .squareRoot()
                return 1 / max(smoothing, distance)
            }
            let total = inverses.reduce(0, +)
            z = inverses.map { $0 / total }
        }
        return z
    }
}
