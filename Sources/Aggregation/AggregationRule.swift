// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import UpdateCoding

/// Combines the updates of one round into one change of the model.
public protocol AggregationRule: Sendable {
    /// The rule's name as users write it: lower case with hyphens.
    var name: String { get }

    /// Combines the updates and hands the aggregate to `sink`, block by block from the first coordinate to the last.
    ///
    /// The result depends only on the set's contents and order, bit for bit: never on timing or on the number of threads.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - sink: takes `(first coordinate, values)`; the values are valid during the call only.
    /// - Throws: ``AggregationError`` when the rule cannot work with these updates; what the set or the sink throws.
    func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws
}

/// Takes one block of an aggregate: the first coordinate's index and the values, valid during the call.
public typealias AggregateSink = (_ start: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void

/// The accepted updates of one round, each readable as often as the rule needs, in a fixed order.
public protocol UpdateSet: Sendable {
    /// The tensors of every update.
    var layout: TensorLayout { get }
    /// The number of updates, at least 1.
    var count: Int { get }

    /// The weight of an update: its number of samples, finite and positive.
    func weight(at index: Int) -> Double

    /// Begins reading an update from its first coordinate.
    func makeDecoder(at index: Int) throws -> any UpdateDecoder
}
