// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// Adaptive server steps for each coordinate (FedAdagrad, FedAdam, FedYogi; Reddi and others 2021, algorithm 2).
///
///     m <- beta1 m + (1 - beta1) D
///     v <- v + D^2                                   Adagrad
///          beta2 v + (1 - beta2) D^2                 Adam
///          v - (1 - beta2) D^2 sign(v - D^2)         Yogi
///     change = eta m / (sqrt(v) + tau)
///
/// D is the aggregate; before the first round m = 0 and v = tau^2; there is no bias correction. State: the vectors
/// `NAME.first` and `NAME.second`, floats.
public struct AdaptiveStep: ServerOptimizer {
    /// How the second moment follows the squares of the aggregate.
    public struct Variant: Hashable, Sendable {
        fileprivate let name: String
        fileprivate let kernelKind: Int32

        /// `fedadagrad`: sums them.
        public static let adagrad = Variant(name: "fedadagrad", kernelKind: 0)
        /// `fedadam`: averages them exponentially.
        public static let adam = Variant(name: "fedadam", kernelKind: 1)
        /// `fedyogi`: moves towards them by a bounded amount.
        public static let yogi = Variant(name: "fedyogi", kernelKind: 2)
    }

    /// How the second moment is kept.
    public let variant: Variant
    /// The decay of the first moment: beta1, at least 0 and below 1.
    public let firstDecay: Double
    /// The decay of the second moment: beta2, at least 0 and below 1.
    public let secondDecay: Double
    /// The server's learning rate: eta, positive.
    public let learningRate: Double
    /// Adaptivity: tau, positive; the larger, the closer to plain steps.
    public let adaptivity: Double

    /// Creates the optimizer.
    ///
    /// - Parameters:
    ///   - variant: which of the three.
    ///   - firstDecay: beta1; 0 for Adagrad and 0.9 for the others when left out.
    ///   - secondDecay: beta2.
    ///   - learningRate: eta, to be tuned: 0.01 to 0.1 is usual.
    ///   - adaptivity: tau.
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(
        _ variant: Variant,
        firstDecay: Double? = nil,
        secondDecay: Double = 0.99,
        learningRate: Double = 0.01,
        adaptivity: Double = 1e-3
    ) throws {
        let first = firstDecay ?? (variant == .adagrad ? 0 : 0.9)
        try FaultTolerance.requireDecay(first, "beta1", rule: variant.name)
        try FaultTolerance.requireDecay(secondDecay, "beta2", rule: variant.name)
        try FaultTolerance.requirePositive(learningRate, "lr", rule: variant.name)
        try FaultTolerance.requirePositive(adaptivity, "tau", rule: variant.name)
        self.variant = variant
        self.firstDecay = first
        self.secondDecay = secondDecay
        self.learningRate = learningRate
        self.adaptivity = adaptivity
    }

    /// `fedadagrad`, `fedadam` or `fedyogi`.
    public var name: String { variant.name }

    /// One adaptive step for each coordinate.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        let layout = aggregate.updates.layout
        let (firstName, secondName) = ("\(name).first", "\(name).second")
        var first = try state.takeVector(firstName, layout: layout)
        var second = try state.takeVector(secondName, layout: layout, filledWith: Float(adaptivity * adaptivity))
        let scratch = StepScratch()
        try first.withMutableElements { first in
            try second.withMutableElements { second in
                try aggregate.stream { start, values in
                    let change = scratch.room(values.count)
                    let range = start..<(start + values.count)
                    ck_adaptive_step(
                        change.baseAddress,
                        values.baseAddress,
                        UnsafeMutableBufferPointer(rebasing: first[range]).baseAddress,
                        UnsafeMutableBufferPointer(rebasing: second[range]).baseAddress,
                        firstDecay,
                        secondDecay,
                        learningRate,
                        adaptivity,
                        variant.kernelKind,
                        values.count
                    )
                    try sink(start, UnsafeBufferPointer(change))
                }
            }
        }
        state.vectors[firstName] = first
        state.vectors[secondName] = second
    }
}
