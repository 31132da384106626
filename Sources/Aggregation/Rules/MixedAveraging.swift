// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Mixes clients' models into the global one as they come (FedAsync; Xie, Koyejo, Gupta 2019, algorithm 1).
///
///     w <- (1 - a) w + a w_i,     a = alpha s(tau_i),     w_i = w_base + delta_i
///
/// so the change is `a (delta_i + w_base - w)`: an old update also pulls the model back to where it started. `w -
/// w_base` is the sum of the last tau changes, which the rule remembers. Several updates in one round are averaged.
///
/// The changes are this rule's own output: it stands before the plain server step at the rate 1.
///
/// State: the vectors `fedasync.change.0` (the newest), `fedasync.change.1`, ..., up to `memory` of them.
public struct MixedAveraging: ComposableRule {
    /// `fedasync`.
    public var name: String { "fedasync" }
    /// The share of a fresh update: alpha, above 0 up to 1.
    public let mixing: Double
    /// The weight of an update's staleness.
    public let staleness: StalenessWeight
    /// The changes that are remembered: the largest staleness that can come.
    public let memory: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter`.
    public init(
        mixing: Double = 0.6,
        staleness: StalenessWeight = .polynomial(exponent: 0.5),
        memory: Int = 20,
        engine: AggregationEngine = AggregationEngine()
    ) throws {
        try FaultTolerance.require(
            mixing > 0 && mixing <= 1,
            rule: "fedasync",
            "'alpha' lies above 0 and at or below 1, not at \(mixing)"
        )
        self.mixing = mixing
        self.staleness = staleness
        self.memory = memory
        self.engine = engine
    }

    /// Combines the updates; see ``AggregationRule/aggregate(_:state:sink:)``.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try FaultTolerance.require(input.mixing == nil, rule: name, "pre-aggregators cannot stand before it")
        let ages = (0..<input.count).map { input.updates.metadata(at: $0).staleness }
        let coefficients = ages.map { mixing * staleness($0) / Double(input.count) }
        let layout = input.updates.layout
        var changes: [ParameterVector] = []
        for age in 0..<memory {
            guard let change = state.vectors.removeValue(forKey: Self.vectorName(age)) else { break }
            guard change.count == layout.elementCount else {
                throw AggregationError(.invalidState, "the state's vector '\(Self.vectorName(age))' has another length")
            }
            changes.append(change)
        }
        // The change of k rounds ago counts for every update that is older than that.
        let pulls = changes.indices.map { age in zip(ages, coefficients).reduce(0) { $1.0 > age ? $0 + $1.1 : $0 } }
        let scratch = StepScratch()
        var newest = ParameterVector(zeros: layout.elementCount)
        try newest.withMutableElements { newest in
            try CombinationPass(input.updates, coefficients: coefficients, rule: name)
                .run(engine: engine) { start, values in
                    let block = scratch.room(values.count)
                    _ = block.update(fromContentsOf: values)
                    for (change, pull) in zip(changes, pulls) where pull != 0 {
                        change.withElements {
                            for index in values.indices { block[index] -= pull * Double($0[start + index]) }
                        }
                    }
                    for index in values.indices { newest[start + index] = Float(block[index]) }
                    try sink(start, UnsafeBufferPointer(block))
                }
        }
        for (age, change) in ([newest] + changes).prefix(memory).enumerated() {
            state.vectors[Self.vectorName(age)] = change
        }
    }

    private static func vectorName(_ age: Int) -> String { "fedasync.change.\(age)" }
}
