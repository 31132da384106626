// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Lets a learning rate follow the hypergradient, the inner product of successive aggregates (FedHyper; Wang and others
/// 2024).
///
///     h_t = <D_t, D_{t-1}>,  0 in the first round
///
/// | form | preset | rule |
/// |---|---|---|
/// | `fedhyper-g` | paper | alpha <- clip(alpha + h, 1/3, 3), alpha_0 = 1; change = alpha D |
/// | `fedhyper-g` | released | a <- clip(a + h, -0.8, 4), a_0 = 0; change = (1 + a) D |
/// | `fedhyper-sl` | paper | beta <- clip(beta + h, 1/10, 10), beta_0 = 1; clients use beta times theirs |
/// | `fedhyper-sl` | released | a <- a + h, a_0 = 0, not clipped; clients use clip(1 + a, 0.1, 10) times theirs |
///
/// Under `fedhyper-sl` the change is D itself; the factor is on the clients' learning rate.
/// The released code computes the SL rate but then overwrites it each round; here it is used. The inner products are
/// raw, as in the paper, so their scale depends on the model and the local learning rate; `normalized` takes the cosine
/// instead. State: the vector `fedhyper.last` (D of the last round) and the number `fedhyper.rate`.
public struct HypergradientStep: ServerOptimizer {
    /// What follows the hypergradient.
    public struct Target: Hashable, Sendable {
        fileprivate let name: String

        /// The server's own learning rate: FedHyper-G.
        public static let global = Target(name: "fedhyper-g")
        /// One learning rate for all clients, sent with the next round: FedHyper-SL.
        public static let local = Target(name: "fedhyper-sl")
    }

    static let lastName = "fedhyper.last"
    static let rateName = "fedhyper.rate"

    /// What follows the hypergradient.
    public let target: Target
    /// The range of the factor on the learning rate.
    public let bounds: ClosedRange<Double>
    /// Whether the remembered rate itself is kept within the bounds (otherwise only the factor that is used).
    public let remembersClipped: Bool
    /// Whether the hypergradient is the cosine instead of the raw inner product.
    public let normalized: Bool

    /// Creates the optimizer.
    ///
    /// - Parameters:
    ///   - target: what follows the hypergradient.
    ///   - released: the released code's bounds and clipping instead of the paper's.
    ///   - bounds: other bounds, positive.
    ///   - normalized: the cosine instead of the raw inner product.
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(
        _ target: Target,
        released: Bool = false,
        bounds: ClosedRange<Double>? = nil,
        normalized: Bool = false
    ) throws {
        let preset: ClosedRange<Double> =
            switch (target == .global, released) {
            case (true, false): 1.0 / 3.0...3
            case (true, true): 0.2...5
            case (false, _): 0.1...10
            }
        let chosen = bounds ?? preset
        try FaultTolerance.requirePositive(chosen.lowerBound, "the lower bound", rule: target.name)
        try FaultTolerance.requirePositive(chosen.upperBound, "the upper bound", rule: target.name)
        self.target = target
        self.bounds = chosen
        remembersClipped = target == .global || !released
        self.normalized = normalized
    }

    /// `fedhyper-g` or `fedhyper-sl`.
    public var name: String { target.name }

    /// The factor on the clients' learning rate in the next round; 1 unless this is FedHyper-SL.
    public func localLearningRateFactor(_ state: AggregationState) -> Double {
        target == .local ? clipped(state.numbers[Self.rateName] ?? 1) : 1
    }

    /// Updates the rate, then scales the aggregate (G) or passes it on (SL).
    ///
    /// The aggregate of this round takes the place of the last one in the state while the inner product is summed, and
    /// is scaled from there: nothing else is as long as the model. It is rounded to floats on the way.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        let layout = aggregate.updates.layout
        var last = try state.takeVector(Self.lastName, layout: layout)
        var (product, newSquare, oldSquare) = (0.0, 0.0, 0.0)
        try last.withMutableElements { last in
            try aggregate.stream { start, values in
                product += BlockArithmetic.dot(values, last, at: start)
                newSquare += BlockArithmetic.squaredNorm(values)
                if normalized {
                    oldSquare += VectorKernels.squaredNorm(
                        UnsafeBufferPointer(rebasing: last[start..<(start + values.count)])
                    )
                }
                BlockArithmetic.narrow(values, into: last, at: start)
            }
        }
        if normalized {
            let scale = (newSquare * oldSquare).squareRoot()
            product = scale > 0 ? product / scale : 0
        }
        var rate = (state.numbers[Self.rateName] ?? 1) + product
        if remembersClipped { rate = clipped(rate) }
        state.numbers[Self.rateName] = rate
        state.vectors[Self.lastName] = last
        try last.emit(scale: target == .global ? clipped(rate) : 1, sink: sink)
    }

    private func clipped(_ rate: Double) -> Double {
        min(max(rate, bounds.lowerBound), bounds.upperBound)
    }
}
