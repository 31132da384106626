// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Moves the model by the aggregate times the server's learning rate: `change = eta * aggregate`.
public struct PlainStep: ServerOptimizer {
    /// `plain`.
    public var name: String { "plain" }
    /// The server's learning rate: eta, positive.
    public let learningRate: Double

    /// Creates the optimizer with learning rate 1.
    public init() {
        learningRate = 1
    }

    /// Creates the optimizer.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(learningRate: Double) throws {
        try FaultTolerance.requirePositive(learningRate, "lr", rule: "plain")
        self.learningRate = learningRate
    }

    /// Passes the aggregate on, scaled.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        guard learningRate != 1 else { return try aggregate.stream(into: sink) }
        let scratch = StepScratch()
        try aggregate.stream { start, values in
            let change = scratch.room(values.count)
            ck_scale_double(change.baseAddress, values.baseAddress, learningRate, values.count)
            try sink(start, UnsafeBufferPointer(change))
        }
    }
}
