// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Makes the next model out of the current one and the updates of a round.
///
///     next = current + server learning rate * change,     change = optimizer(rule(updates))
///
/// Buffers and control variates take the rule's result as it is.
///
/// The daemon, the protocol simulation and the fast simulation all fold here, so that their models have the same bits.
public struct ModelFold: Sendable {
    /// The rule that combines the updates, and the optimizer behind it.
    public let strategy: AggregationStrategy
    /// The factor on the change.
    public let serverLearningRate: Double

    /// Creates a fold.
    public init(_ strategy: AggregationStrategy, serverLearningRate: Double) {
        self.strategy = strategy
        self.serverLearningRate = serverLearningRate
    }

    /// Combines the updates and writes the next model.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - current: the model that the updates started from.
    ///   - state: what the strategy remembers of earlier rounds. When the call throws, it must be thrown away.
    ///   - next: as many elements as the current model; overwritten.
    ///   - onBlock: is given each finished block of the next model, from the first to the last: to write or hash it
    ///     while it is
    ///     in the cache.
    /// - Throws: what the rule, the updates or `onBlock` throw; ``AggregationError`` with code `notFinite` if the
    ///   next model would have a value that is infinite or not a number.
    public func fold(
        _ updates: any UpdateSet,
        current: ParameterVector,
        state: inout AggregationStrategy.State,
        into next: inout ParameterVector,
        onBlock: (UnsafeBufferPointer<Float>) throws -> Void = { _ in }
    ) throws {
        precondition(current.count == next.count, "the next model has as many elements as the current one")
        precondition(current.count == updates.layout.elementCount, "the updates are of another model")
        let layout = updates.layout
        let exempt = layout.tensors.indices.filter { [.buffer, .control].contains(layout.tensors[$0].kind) }
            .map { layout.range(of: $0) }
        try current.withElements { base in
            try next.withMutableElements { output in
                try strategy.step(updates, state: &state) { start, values in
                    let range = start..<(start + values.count)
                    let block = UnsafeMutableBufferPointer(rebasing: output[range])
                    apply(values, start, base, block, exempt)
                    guard VectorKernels.isFinite(UnsafeBufferPointer(block)) else {
                        throw AggregationError(
                            .notFinite,
                            "\(strategy.rule.name) gave a model with values that are not finite; "
                                + "lower the learning rates"
                        )
                    }
                    try onBlock(UnsafeBufferPointer(block))
                }
            }
        }
    }

    private func apply(
        _ values: UnsafeBufferPointer<Double>,
        _ start: Int,
        _ base: UnsafeBufferPointer<Float>,
        _ block: UnsafeMutableBufferPointer<Float>,
        _ exempt: [Range<Int>]
    ) {
        let all = start..<(start + values.count)
        VectorKernels.apply(
            values,
            scale: serverLearningRate,
            to: UnsafeBufferPointer(rebasing: base[all]),
            output: block
        )
        guard serverLearningRate != 1 else { return }
        for range in exempt where range.overlaps(all) {
            let part = range.clamped(to: all)
            let local = (part.lowerBound - start)..<(part.upperBound - start)
            VectorKernels.apply(
                UnsafeBufferPointer(rebasing: values[local]),
                scale: 1,
                to: UnsafeBufferPointer(rebasing: base[part]),
                output: UnsafeMutableBufferPointer(rebasing: block[local])
            )
        }
    }
}
