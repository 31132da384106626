// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Makes the next model out of the current one and the updates of a round.
///
///     next = current + server learning rate * rule(updates)
///
/// The daemon, the protocol simulation and the fast simulation all fold here, so that their models have the same bits.
public struct ModelFold: Sendable {
    /// The rule that combines the updates.
    public let rule: any AggregationRule
    /// The factor on the aggregate.
    public let serverLearningRate: Double

    /// Creates a fold.
    public init(rule: any AggregationRule, serverLearningRate: Double) {
        self.rule = rule
        self.serverLearningRate = serverLearningRate
    }

    /// Combines the updates and writes the next model.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - current: the model that the updates started from.
    ///   - next: as many elements as the current model; overwritten.
    ///   - onBlock: is given each finished block of the next model, from the first to the last: to write or hash it
    ///     while it is
    ///     in the cache.
    /// - Throws: what the rule, the updates or `onBlock` throw; ``AggregationError`` with code `notFinite` if the
    ///   next model would have a value that is infinite or not a number.
    public func fold(
        _ updates: any UpdateSet,
        current: ParameterVector,
        into next: inout ParameterVector,
        onBlock: (UnsafeBufferPointer<Float>) throws -> Void = { _ in }
    ) throws {
        precondition(current.count == next.count, "the next model has as many elements as the current one")
        precondition(current.count == updates.layout.elementCount, "the updates are of another model")
        try current.withElements { base in
            try next.withMutableElements { output in
                try rule.aggregate(updates) { start, values in
                    let range = start..<(start + values.count)
                    let block = UnsafeMutableBufferPointer(rebasing: output[range])
                    VectorKernels.apply(
                        values,
                        scale: serverLearningRate,
                        to: UnsafeBufferPointer(rebasing: base[range]),
                        output: block
                    )
                    guard VectorKernels.isFinite(UnsafeBufferPointer(block)) else {
                        throw AggregationError(
                            .notFinite,
                            "\(rule.name) gave a model with values that are not finite; lower the learning rates"
                        )
                    }
                    try onBlock(UnsafeBufferPointer(block))
                }
            }
        }
    }
}
