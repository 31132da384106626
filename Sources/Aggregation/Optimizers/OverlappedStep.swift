// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The outer step of CO2 (Sun and others 2024, algorithm 2) for means that are one round old.
///
///     m <- beta m + aggregate / gap
///     change = eta clip(m, -phi, +phi)        for each coordinate
///
/// The clip acts on the change (the authors' released code computes it and drops the result). The paper's penalty of
/// staleness is not printed in what was available; with ``penalisesStaleness`` the gap is our choice, after Barkai and
/// others 2020:
///
///     gap = 1 + ||the change before|| / max(||aggregate||, 1e-12)
///
/// State: the vector `co2.momentum`, the number `co2.moved` (the norm of the last change).
public struct OverlappedStep: ServerOptimizer {
    static let momentumName = "co2.momentum"
    static let movedName = "co2.moved"

    /// `co2`.
    public var name: String { "co2" }
    /// The outer momentum: beta, at least 0 and below 1.
    public let momentum: Double
    /// The outer learning rate: eta, positive.
    public let learningRate: Double
    /// The bound of a coordinate's momentum in a step: phi, positive; infinite for none.
    public let clip: Double
    /// Whether the mean is divided by the gap.
    public let penalisesStaleness: Bool

    /// Creates the optimizer.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(
        momentum: Double = 0.2,
        learningRate: Double = 1,
        clip: Double = 1,
        penalisesStaleness: Bool = false
    ) throws {
        try FaultTolerance.requireDecay(momentum, "beta", rule: "co2")
        try FaultTolerance.requirePositive(learningRate, "lr", rule: "co2")
        try FaultTolerance.require(clip > 0, rule: "co2", "'clip' must be positive, not \(clip)")
        self.momentum = momentum
        self.learningRate = learningRate
        self.clip = clip
        self.penalisesStaleness = penalisesStaleness
    }

    /// One step for each coordinate.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        var velocity = try state.takeVector(Self.momentumName, layout: aggregate.updates.layout)
        let gap = penalisesStaleness ? try self.gap(&aggregate, state) : (1, nil)
        let scratch = StepScratch()
        var squaredMove = 0.0
        try velocity.withMutableElements { velocity in
            func advance(_ start: Int, _ values: UnsafeBufferPointer<Double>) throws {
                let change = scratch.room(values.count)
                for index in values.indices {
                    let next = momentum * Double(velocity[start + index]) + values[index] / gap.0
                    velocity[start + index] = Float(next)
                    let moved = learningRate * min(max(next, -clip), clip)
                    squaredMove += moved * moved
                    change[index] = moved
                }
                try sink(start, UnsafeBufferPointer(change))
            }
            if let whole = gap.1 {
                try whole.withUnsafeBufferPointer { try advance(0, $0) }
            } else {
                try aggregate.stream { try advance($0, $1) }
            }
        }
        state.vectors[Self.momentumName] = velocity
        state.numbers[Self.movedName] = squaredMove.squareRoot()
    }

    /// The gap, and the aggregate, which had to be complete for it.
    private func gap(_ aggregate: inout RoundAggregate, _ state: AggregationState) throws -> (Double, [Double]?) {
        var whole = [Double](repeating: 0, count: aggregate.updates.layout.elementCount)
        try aggregate.stream { start, values in
            for index in values.indices { whole[start + index] = values[index] }
        }
        let norm = whole.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return (1 + (state.numbers[Self.movedName] ?? 0) / max(norm, 1e-12), whole)
    }
}
