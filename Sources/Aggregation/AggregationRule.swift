// SPDX-License-Identifier: Apache-2.0

/// Combines the updates of one round into one change of the model.
public protocol AggregationRule: Sendable {
    /// The rule's name as users write it: lower case with hyphens.
    var name: String { get }

    /// Combines the updates and hands the aggregate to `sink`, block by block from the first coordinate to the last.
    ///
    /// The result depends only on the set's contents and order, bit for bit: never on timing or on the number of
    /// threads. A rule with a memory starts without one.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - sink: takes `(first coordinate, values)`; the values are valid during the call only, and finite. It is
    ///     called on the caller's thread.
    /// - Throws: ``AggregationError`` when the rule cannot work with these updates; what the set or the sink throws.
    func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws

    /// Combines the updates like ``aggregate(_:sink:)``, with what the rule remembers of earlier rounds.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - state: what the rule remembers: an empty state before the first round. When the call throws, the state may
    ///     be half changed and must be thrown away; a copy taken before costs memory only once the original is written.
    ///   - sink: as in ``aggregate(_:sink:)``.
    func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws
}

extension AggregationRule {
    /// Combines the updates without a memory, which most rules do not have.
    public func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        try aggregate(updates, sink: sink)
    }
}

/// Takes one block of an aggregate: the first coordinate's index and the values, valid during the call.
public typealias AggregateSink = (_ start: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
