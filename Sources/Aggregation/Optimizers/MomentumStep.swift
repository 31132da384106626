// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// Server momentum (FedAvgM; Hsu and others 2019): `v <- beta v + aggregate; change = eta v`, with v = 0 before the
/// first round.
///
/// State: the vector `fedavgm.velocity`.
public struct MomentumStep: ServerOptimizer {
    static let velocityName = "fedavgm.velocity"

    /// `fedavgm`.
    public var name: String { "fedavgm" }
    /// The momentum: beta, at least 0 and below 1.
    public let momentum: Double
    /// The server's learning rate: eta, positive.
    public let learningRate: Double

    /// Creates the optimizer.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(momentum: Double = 0.9, learningRate: Double = 1) throws {
        try FaultTolerance.requireDecay(momentum, "beta", rule: "fedavgm")
        try FaultTolerance.requirePositive(learningRate, "lr", rule: "fedavgm")
        self.momentum = momentum
        self.learningRate = learningRate
    }

    /// One step of momentum for each coordinate.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        var velocity = try state.takeVector(Self.velocityName, layout: aggregate.updates.layout)
        let scratch = StepScratch()
        try velocity.withMutableElements { velocity in
            try aggregate.stream { start, values in
                let change = scratch.room(values.count)
                let block = UnsafeMutableBufferPointer(rebasing: velocity[start..<(start + values.count)])
                ck_momentum_step(
                    change.baseAddress,
                    values.baseAddress,
                    block.baseAddress,
                    momentum,
                    learningRate,
                    values.count
                )
                try sink(start, UnsafeBufferPointer(change))
            }
        }
        state.vectors[Self.velocityName] = velocity
    }
}
