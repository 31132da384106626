// SPDX-License-Identifier: Apache-2.0

import ModelState

/// FedDyn's server half (Acar and others 2021, algorithm 1): the mean of the clients' models, corrected by what their
/// regularisers have gathered.
///
///     h <- h - (alpha / N) sum_S (theta_i - w);     w <- mean_S theta_i - h / alpha
///
/// With `g = -h / alpha` the coefficient alpha cancels: `g <- g + (m / N) mean; change = mean + g`, where m of N
/// clients sent updates. The rule before it should be the plain mean (`uniform: 1`). State: the vector
/// `feddyn.gathered`.
public struct DynamicStep: ServerOptimizer, PopulationAware {
    static let gatheredName = "feddyn.gathered"

    /// `feddyn`.
    public var name: String { "feddyn" }
    /// The clients of the job: N.
    public var clientCount = 1

    /// Creates the optimizer.
    public init() {}

    /// Adds the mean to what was gathered, and both to the model.
    public func step(_ aggregate: inout RoundAggregate, state: inout AggregationState, sink: AggregateSink) throws {
        var gathered = try state.takeVector(Self.gatheredName, layout: aggregate.updates.layout)
        let share = min(Double(aggregate.updates.count) / Double(max(clientCount, 1)), 1)
        let scratch = StepScratch()
        try gathered.withMutableElements { gathered in
            try aggregate.stream { start, values in
                let change = scratch.room(values.count)
                for index in values.indices {
                    let sum = Double(gathered[start + index]) + share * values[index]
                    gathered[start + index] = Float(sum)
                    change[index] = values[index] + sum
                }
                try sink(start, UnsafeBufferPointer(change))
            }
        }
        state.vectors[Self.gatheredName] = gathered
    }
}

/// A rule or an optimizer whose formula has the number of all clients of the job, beside those of the round.
public protocol PopulationAware {
    /// The clients of the job, 1 or more.
    var clientCount: Int { get set }
}
