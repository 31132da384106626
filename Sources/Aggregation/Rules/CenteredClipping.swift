// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Moves a centre by the mean of the updates' clipped differences to it (Karimireddy and others 2021).
///
///     v <- v + mean_i[ (x_i - v) * min(1, tau / |x_i - v|) ]      `iterations` times
///
/// The centre starts at 0 and is remembered from round to round under the name `centered-clipping.center`, rounded to
/// floats. With a memory the centre is one more row of the Gram matrix. Weights do not count.
public struct CenteredClipping: ComposableRule {
    static let centerName = "centered-clipping.center"

    /// `centered-clipping`.
    public var name: String { "centered-clipping" }
    /// The longest difference that counts in full: tau, positive.
    public let radius: Double
    /// The number of iterations, at least 1.
    public let iterations: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(radius: Double = 100, iterations: Int = 1, engine: AggregationEngine = AggregationEngine()) throws {
        try FaultTolerance.require(
            radius > 0 && radius.isFinite,
            rule: "centered-clipping",
            "tau must be positive and finite, not \(radius)"
        )
        try FaultTolerance.require(
            iterations >= 1,
            rule: "centered-clipping",
            "it needs at least one iteration, not \(iterations)"
        )
        self.radius = radius
        self.iterations = iterations
        self.engine = engine
    }

    /// Combines the updates around the remembered centre, and remembers the result.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        let hasCenter = state.vectors[Self.centerName] != nil
        var center = try state.takeVector(Self.centerName, layout: input.updates.layout)
        if hasCenter {
            try aggregate(input, around: &center, sink: sink)
        } else {
            let coefficients = coefficients(try input.mixedGram(rule: name, engine: engine))
            let pass = CombinationPass(input.updates, coefficients: input.unmixed(coefficients), rule: name)
            try center.withMutableElements { elements in
                try pass.run(engine: engine) { start, values in
                    BlockArithmetic.narrow(values, into: elements, at: start)
                    try sink(start, values)
                }
            }
        }
        state.vectors[Self.centerName] = center
    }

    private func aggregate(
        _ input: PreparedUpdates,
        around center: inout ParameterVector,
        sink: AggregateSink
    ) throws {
        try center.withMutableElements { elements in
            guard let base = elements.baseAddress else { return }
            let raw = try GramPass.whole(input.updates, extras: [UnsafePointer(base)], rule: name, engine: engine)
            let mixing = input.mixing?.appendingIdentityRow()
            let all = coefficients(mixing.map { raw.transformed(by: $0) } ?? raw, startingAt: input.count)
            let pass = CombinationPass(
                input.updates,
                coefficients: input.unmixed(Array(all.dropLast())),
                rule: name
            )
            // A block of the centre is overwritten only after every use of it: blocks are consumed when they are
            // computed.
            try pass.run(extra: (UnsafePointer(base), all[input.count]), engine: engine) { start, values in
                BlockArithmetic.narrow(values, into: elements, at: start)
                try sink(start, values)
            }
        }
    }

    /// The coefficients of the centre after all iterations.
    ///
    /// With `startingAt` the vector at that position is the first centre and no update; without it the first centre is
    /// 0.
    func coefficients(_ gram: GramMatrix, startingAt start: Int? = nil) -> [Double] {
        let updates = (0..<gram.count).filter { $0 != start }
        var v = [Double](repeating: 0, count: gram.count)
        if let start { v[start] = 1 }
        for _ in 0..<iterations {
            let product = gram.multiplied(by: v)
            let squaredNorm = gram.squaredNorm(ofCombination: v)
            let factors = updates.map { index in
                let distance = gram.squaredDistance(index, toCombination: product, squaredNorm: squaredNorm)
                    .squareRoot()
                return distance > radius ? radius / distance : 1
            }
            let mean = factors.reduce(0, +) / Double(updates.count)
            for index in v.indices { v[index] *= 1 - mean }
            for (index, factor) in zip(updates, factors) { v[index] += factor / Double(updates.count) }
        }
        return v
    }
}
