// SPDX-License-Identifier: Apache-2.0

import ModelState

/// What the server does with the updates of a round: a rule, then an optimizer.
public struct AggregationStrategy: Sendable {
    /// What a strategy remembers between rounds.
    public struct State: Equatable, Sendable, Codable {
        /// What the rule remembers.
        public var rule = AggregationState()
        /// What the optimizer remembers.
        public var optimizer = AggregationState()

        /// Creates the state before the first round.
        public init() {}
    }

    /// Combines the updates.
    public let rule: any AggregationRule
    /// Turns the aggregate into the change of the model.
    public let optimizer: any ServerOptimizer

    /// Creates a strategy.
    public init(rule: any AggregationRule, optimizer: any ServerOptimizer = PlainStep()) {
        self.rule = rule
        self.optimizer = optimizer
    }

    /// Computes the change of the model, `w <- w + change`, and hands it to `sink` block by block.
    ///
    /// The change depends only on the updates, their order and the state, bit for bit.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - state: what earlier rounds left. When the call throws it must be thrown away: take a copy before, which
    ///     costs memory once the original is written.
    ///   - sink: takes the change.
    public func step(_ updates: any UpdateSet, state: inout State, sink: AggregateSink) throws {
        // Statistics and control variates are means, not directions: no optimizer may scale them.
        let untouched = updates.layout.tensors.indices.filter {
            [.buffer, .control].contains(updates.layout.tensors[$0].kind)
        }
        let keeps = !untouched.isEmpty && !(optimizer is PlainStep)
        let kept = keeps ? KeptAggregate(untouched.map { updates.layout.range(of: $0) }) : nil
        var aggregate = RoundAggregate(of: updates, by: rule, state: state.rule, keeping: kept)
        state.rule = AggregationState()  // so that the rule's vectors are referenced once and not copied when written
        try optimizer.step(&aggregate, state: &state.optimizer) { start, values in
            guard let kept else { return try sink(start, values) }
            try kept.restore(start, values, sink)
        }
        state.rule = aggregate.state
    }

    /// The factor on the clients' learning rate in the next round (FedHyper-SL); 1 for others.
    public func localLearningRateFactor(_ state: State) -> Double {
        (optimizer as? HypergradientStep)?.localLearningRateFactor(state.optimizer) ?? 1
    }
}
