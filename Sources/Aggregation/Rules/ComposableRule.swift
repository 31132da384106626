// SPDX-License-Identifier: Apache-2.0

/// A rule before which pre-aggregators can stand.
public protocol ComposableRule: AggregationRule {
    /// How the rule uses the machine.
    var engine: AggregationEngine { get set }

    /// Combines what the pre-aggregators make of the updates.
    ///
    /// - Parameters:
    ///   - input: the updates and the linear map that stands before the rule.
    ///   - state: as in ``AggregationRule/aggregate(_:state:sink:)``.
    ///   - sink: as in ``AggregationRule/aggregate(_:sink:)``.
    func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws

    /// Combines what the pre-aggregators make of the updates, without a memory.
    func aggregate(_ input: PreparedUpdates, sink: AggregateSink) throws
}

extension ComposableRule {
    /// Combines as in a first round.
    public func aggregate(_ input: PreparedUpdates, sink: AggregateSink) throws {
        var state = AggregationState()
        try aggregate(input, state: &state, sink: sink)
    }

    /// Combines the updates without pre-aggregators and without a memory.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        try aggregate(PreparedUpdates(updates, rule: name), sink: sink)
    }

    /// Combines the updates without pre-aggregators.
    public func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        try aggregate(PreparedUpdates(updates, rule: name), state: &state, sink: sink)
    }
}

/// Updates with the linear map that pre-aggregators put before a rule, and their Gram matrix where it is known already.
public struct PreparedUpdates {
    /// The updates as they came.
    public let updates: any UpdateSet
    /// The map from updates to the vectors that the rule sees; none stands for the identity.
    public let mixing: Mixing?
    /// The Gram matrix of the updates as they came.
    let gram: GramMatrix?
    /// The weights of the vectors that the rule sees; their sum is 1.
    public let weights: [Double]

    /// Prepares updates without a pre-aggregator.
    ///
    /// - Throws: ``AggregationError``: `noUpdates`, `invalidWeight`.
    init(_ updates: any UpdateSet, rule: String) throws {
        self.updates = updates
        mixing = nil
        gram = nil
        weights = try updates.normalizedWeights(for: rule)
    }

    /// Prepares updates with a map; `gram` is the matrix of the unmixed updates.
    init(_ updates: any UpdateSet, mixing: Mixing, gram: GramMatrix?, weights: [Double]) {
        precondition(
            mixing.columnCount == updates.count,
            "a mixing for \(mixing.columnCount) of \(updates.count) updates"
        )
        precondition(weights.count == mixing.rowCount, "one weight for each mixed vector")
        self.updates = updates
        self.mixing = mixing
        self.gram = gram
        self.weights = weights
    }

    /// The number of vectors that the rule sees.
    public var count: Int { mixing?.rowCount ?? updates.count }

    /// The Gram matrix of the vectors that the rule sees; one pass over the updates where it is not known.
    func mixedGram(rule: String, engine: AggregationEngine) throws -> GramMatrix {
        let raw = try gram ?? GramPass.whole(updates, rule: rule, engine: engine)
        return mixing.map { raw.transformed(by: $0) } ?? raw
    }

    /// The coefficients of the updates as they came that make the combination of the vectors that the rule sees.
    func unmixed(_ coefficients: [Double]) -> [Double] {
        mixing.map { $0.transposed(times: coefficients) } ?? coefficients
    }
}
