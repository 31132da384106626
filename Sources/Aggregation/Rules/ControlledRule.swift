// SPDX-License-Identifier: Apache-2.0

import ModelState

/// A rule for the model's tensors, and SCAFFOLD's mean for the control variates that travel behind them
/// (Karimireddy and others 2020, algorithm 1, line 17).
///
///     c <- c + (1 / N) sum_S (c_i+ - c_i)
///
/// The control variates' tensors are the last of the layout.
public struct ControlledRule: AggregationRule, PopulationAware {
    /// The rule's own name.
    public var name: String { base.name }
    /// The clients of the job: N.
    public var clientCount: Int
    private let base: any AggregationRule
    private let modelTensorCount: Int
    private let engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Parameters:
    ///   - base: combines the model's tensors.
    ///   - modelTensorCount: how many tensors are the model's.
    ///   - clientCount: the clients of the job.
    public init(
        _ base: any AggregationRule,
        modelTensorCount: Int,
        clientCount: Int,
        engine: AggregationEngine = AggregationEngine()
    ) {
        self.base = base
        self.modelTensorCount = modelTensorCount
        self.clientCount = clientCount
        self.engine = engine
    }

    /// Combines as in a first round.
    public func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        var state = AggregationState()
        try aggregate(updates, state: &state, sink: sink)
    }

    /// Combines the model's tensors by the rule, then the control variates.
    public func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        let tensors = updates.layout.tensors.indices
        let model = try UpdateSection(of: updates, tensors: 0..<modelTensorCount)
        try base.aggregate(model, state: &state, sink: sink)
        let control = try UpdateSection(of: updates, tensors: modelTensorCount..<tensors.upperBound)
        let coefficients = [Double](repeating: 1 / Double(max(clientCount, updates.count)), count: updates.count)
        let offset = model.layout.elementCount
        try CombinationPass(control, coefficients: coefficients, rule: name).run(engine: engine) { start, values in
            try sink(offset + start, values)
        }
    }
}
