// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// Takes longer steps the more the updates disagree (FedExP; Jhunjhunwala and others 2023).
///
///     eta = max(1, sum_i |delta_i|^2 / (2 M (|aggregate|^2 + epsilon)));   change = eta * aggregate
///
/// The sum runs over the M updates as they came. Holds one vector as long as the model while it works, because eta is
/// known only after the last coordinate; remembers nothing but the last eta, `fedexp.step`, to be shown.
public struct ExtrapolatedStep: ServerOptimizer {
    static let stepName = "fedexp.step"

    /// `fedexp`.
    public var name: String { "fedexp" }
    /// Keeps the step bounded when the updates cancel: epsilon, positive.
    public let epsilon: Double
    /// How the norms are computed.
    public let engine: AggregationEngine

    /// Creates the optimizer.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(epsilon: Double = 1e-3, engine: AggregationEngine = AggregationEngine()) throws {
        try FaultTolerance.requirePositive(epsilon, "epsilon", rule: "fedexp")
        self.epsilon = epsilon
        self.engine = engine
    }

    /// Scales the aggregate by the step that the norms give.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        let updates = aggregate.updates
        let norms = try NormPass.squaredNorms(updates, rule: name, engine: engine)
        var mean = ParameterVector(zeros: updates.layout.elementCount)
        var squaredNorm = 0.0
        try mean.withMutableElements { elements in
            try aggregate.stream { start, values in
                squaredNorm += BlockArithmetic.squaredNorm(values)
                BlockArithmetic.narrow(values, into: elements, at: start)
            }
        }
        let step = max(1, norms.reduce(0, +) / (2 * Double(norms.count) * (squaredNorm + epsilon)))
        state.numbers[Self.stepName] = step
        try mean.emit(scale: step, sink: sink)
    }
}

extension ParameterVector {
    /// Hands the elements, scaled, to a sink in blocks.
    func emit(scale: Double, sink: AggregateSink) throws {
        let scratch = StepScratch()
        let size = AggregationEngine.blockElements(rowCount: 1)
        try withElements { elements in
            for start in stride(from: 0, to: elements.count, by: size) {
                let block = UnsafeBufferPointer(rebasing: elements[start..<min(start + size, elements.count)])
                let change = scratch.room(block.count)
                ck_widen(change.baseAddress, block.baseAddress, scale, block.count)
                try sink(start, UnsafeBufferPointer(change))
            }
        }
    }
}
