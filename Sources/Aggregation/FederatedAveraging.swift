// SPDX-License-Identifier: Apache-2.0

import ModelState
import UpdateCoding

/// The mean of the updates, each weighted by its number of samples (FedAvg; McMahan et al. 2017, algorithm 1).
///
///     aggregate = sum_i (n_i / sum_j n_j) * delta_i
///
/// One fused pass: each update is decoded block by block and accumulated in double precision. Memory is one block for
/// the sum and one for decoding, plus what the decoders hold.
public struct FederatedAveraging: AggregationRule {
    /// The coordinates handled together: 2^14, so that a block of floats and one of doubles stay in a core's L2 cache.
    static let blockElements = 1 << 14

    /// `fedavg`.
    public var name: String { "fedavg" }

    /// Creates the rule.
    public init() {}

    /// Combines the updates; see ``AggregationRule/aggregate(_:sink:)``.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        let weights = try normalizedWeights(updates)
        let decoders = try (0..<updates.count).map { try updates.makeDecoder(at: $0) }
        let elementCount = updates.layout.elementCount
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: Self.blockElements)
        let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: Self.blockElements)
        defer {
            sums.deallocate()
            scratch.deallocate()
        }
        var start = 0
        while start < elementCount {
            let length = min(Self.blockElements, elementCount - start)
            let sum = UnsafeMutableBufferPointer(rebasing: sums[..<length])
            let block = UnsafeMutableBufferPointer(rebasing: scratch[..<length])
            sum.initialize(repeating: 0)
            for (index, decoder) in decoders.enumerated() {
                try decoder.decode(into: block)
                VectorKernels.accumulate(UnsafeBufferPointer(block), weight: weights[index], into: sum)
            }
            try sink(start, UnsafeBufferPointer(sum))
            start += length
        }
        for decoder in decoders { try decoder.finish() }
    }

    private func normalizedWeights(_ updates: any UpdateSet) throws -> [Double] {
        guard updates.count > 0 else {
            throw AggregationError(.noUpdates, "fedavg was given no updates; at least one is needed")
        }
        let weights = (0..<updates.count).map { updates.weight(at: $0) }
        let total = weights.reduce(0, +)
        guard weights.allSatisfy({ $0 > 0 && $0.isFinite }), total.isFinite else {
            throw AggregationError(.invalidWeight, "fedavg needs a positive, finite weight for each update")
        }
        return weights.map { $0 / total }
    }
}
