// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The mean of updates that were added up where they were made: hands on their sum.
///
/// A simulation of many small clients adds each update to a block's sum on the thread that trained it. With the
/// coefficients of ``FederatedAveraging`` and the order of ``ModelState/BlockFold``, the sum has the bits that
/// ``FederatedAveraging`` gives for the updates themselves.
public struct SummedAveraging: AggregationRule {
    /// The rule that it stands for.
    public let name: String
    private let sum: [Double]

    /// Takes the sum of the updates, each times its coefficient.
    public init(_ sum: [Double], for rule: FederatedAveraging) {
        name = rule.name
        self.sum = sum
    }

    /// Hands the sum on; the updates themselves are not read.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        precondition(sum.count == updates.layout.elementCount, "the sum is of the updates' model")
        // All bits of an exponent are set in infinity and in what is no number; without a branch, many at a time.
        let infinity = Double.infinity.bitPattern
        let found = sum.withUnsafeBufferPointer { values in
            var found: UInt64 = 0
            for value in values { found |= value.bitPattern & infinity == infinity ? 1 : 0 }
            return found
        }
        guard found == 0 else { throw AggregationError.notFinite(rule: name, update: nil) }
        try sum.withUnsafeBufferPointer { try sink(0, $0) }
    }
}

extension FederatedAveraging {
    /// The factors with which the rule adds updates of these weights, in their order.
    ///
    /// - Throws: ``AggregationError``: `noUpdates`, `invalidWeight`.
    public func coefficients(of weights: [Double]) throws -> [Double] {
        let normalized = try weights.normalizedWeights(for: name)
        return isUniform ? [Double](repeating: 1 / Double(weights.count), count: weights.count) : normalized
    }
}
