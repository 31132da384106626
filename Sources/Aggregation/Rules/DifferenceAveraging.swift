// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The coordinator's half of EF21 (Richtarik, Sokolov, Fatkhullin 2021): updates are changes of the clients' estimates,
/// and the aggregate is the mean of all clients' estimates, also of those that were not asked.
///
///     g <- g + (1 / N) sum_S c_i;     aggregate = g
///
/// Every client counts alike. State: the vector `ef21.mean`.
public struct DifferenceAveraging: AggregationRule, PopulationAware {
    static let meanName = "ef21.mean"

    /// `ef21`.
    public var name: String { "ef21" }
    /// The clients of the job: N.
    public var clientCount: Int
    private let engine: AggregationEngine

    /// Creates the rule.
    public init(clientCount: Int, engine: AggregationEngine = AggregationEngine()) {
        self.clientCount = clientCount
        self.engine = engine
    }

    /// Combines as in a first round.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        var state = AggregationState()
        try aggregate(updates, state: &state, sink: sink)
    }

    /// Advances the mean of the estimates.
    public func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        _ = try updates.normalizedWeights(for: name)
        var mean = try state.takeVector(Self.meanName, layout: updates.layout)
        let coefficients = [Double](repeating: 1 / Double(max(clientCount, updates.count)), count: updates.count)
        let scratch = StepScratch()
        try mean.withMutableElements { mean in
            try CombinationPass(updates, coefficients: coefficients, rule: name).run(engine: engine) { start, values in
                let block = scratch.room(values.count)
                for index in values.indices {
                    block[index] = Double(mean[start + index]) + values[index]
                    mean[start + index] = Float(block[index])
                }
                try sink(start, UnsafeBufferPointer(block))
            }
        }
        state.vectors[Self.meanName] = mean
    }
}
