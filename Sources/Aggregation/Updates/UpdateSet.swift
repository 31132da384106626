// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import UpdateCoding

/// The accepted updates of one round, each readable as often as the rule needs, in a fixed order.
public protocol UpdateSet: Sendable {
    /// The tensors of every update.
    var layout: TensorLayout { get }
    /// The number of updates, at least 1.
    var count: Int { get }

    /// The weight of an update: its number of samples, finite and positive.
    func weight(at index: Int) -> Double

    /// What the client told about its training; only some rules need it.
    func metadata(at index: Int) -> UpdateMetadata

    /// Begins reading an update from its first coordinate.
    ///
    /// Engines may read the decoders of different updates at the same time, each from one thread at a time.
    func makeDecoder(at index: Int) throws -> any UpdateDecoder
}

extension UpdateSet {
    /// Nothing was told.
    public func metadata(at index: Int) -> UpdateMetadata { UpdateMetadata() }

    /// The weights divided by their sum.
    ///
    /// - Throws: ``AggregationError``: `noUpdates`, `invalidWeight`.
    func normalizedWeights(for rule: String) throws -> [Double] {
        try (0..<count).map { weight(at: $0) }.normalizedWeights(for: rule)
    }
}

extension [Double] {
    /// Checks what every rule relies on: at least one update, and positive, finite weights with a finite sum.
    ///
    /// - Returns: the weights divided by their sum.
    func normalizedWeights(for rule: String) throws -> [Double] {
        guard count > 0 else {
            throw AggregationError(.noUpdates, "\(rule) was given no updates; at least one is needed")
        }
        if let index = firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
            throw AggregationError(
                .invalidWeight,
                "update \(index) has the weight \(self[index]); \(rule) needs positive, finite weights"
            )
        }
        let total = reduce(0, +)
        guard total.isFinite else {
            throw AggregationError(.invalidWeight, "the weights given to \(rule) have no finite sum")
        }
        return map { $0 / total }
    }
}
