// SPDX-License-Identifier: Apache-2.0

/// Replaces the updates by linear combinations of them before a rule sees them.
///
/// A pre-aggregator decides by norms and distances alone, so it works on the Gram matrix and never holds the updates.
public protocol PreAggregator: Sendable {
    /// The name as users write it: lower case with hyphens.
    var name: String { get }
    /// Whether the map depends on the Gram matrix.
    var needsGram: Bool { get }
    /// Whether made vectors are means of several updates, so that their weights are the means of those updates'
    /// weights; otherwise vector i keeps the weight of update i.
    var averages: Bool { get }

    /// The map for these vectors.
    ///
    /// - Parameters:
    ///   - count: the number of vectors.
    ///   - gram: their inner products, all finite, where ``needsGram``.
    /// - Throws: ``AggregationError`` when there are too few vectors or a parameter is outside its range.
    func mixing(count: Int, gram: GramMatrix?) throws -> Mixing
}
