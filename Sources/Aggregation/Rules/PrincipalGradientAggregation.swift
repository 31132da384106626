// SPDX-License-Identifier: Apache-2.0

import ModelState

/// FedLD's server half: aggregates each tensor along the principal gradients of the updates (Zeng and others 2024).
///
/// Each tensor is aggregated for itself by ``PrincipalGradients``; the updates' weights do not count, as in the
/// reference. Tensors of one element, and buffers (where rescaling could make a variance negative), take the plain
/// mean.
///
/// *Memory*: a tensor is aggregated by principal gradients only once a round has moved it; before that it takes the
/// plain mean. The state keeps one flag for each tensor, `fedld.warm`. A call without a state has no first round: it
/// aggregates by principal gradients at once.
///
/// The released client code, intended or not, also scales the local learning rate of the first rounds:
/// ``warmUpFactor(round:localEpochs:)``, for jobs that want exactly its course.
public struct PrincipalGradientAggregation: ComposableRule {
    static let warmName = "fedld.warm"

    /// `fedld`.
    public var name: String { "fedld" }
    /// The share of principal gradients kept: rho.
    public let keptFraction: Double
    /// Whether every update takes the sign of the majority: an experiment, not FedLD as released.
    public let majoritySign: Bool
    /// Whether the plain mean stands in until a round has moved a tensor.
    public let historyGate: Bool
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    ///
    /// - Throws: ``AggregationError`` with code `invalidParameter` unless `keptFraction` lies above 0 and not above 1.
    public init(
        keptFraction: Double = 0.8,
        majoritySign: Bool = false,
        historyGate: Bool = true,
        engine: AggregationEngine = AggregationEngine()
    ) throws {
        try FaultTolerance.require(
            keptFraction > 0 && keptFraction <= 1,
            rule: "fedld",
            "rho, the share of principal gradients kept, lies above 0 and not above 1, not at \(keptFraction)"
        )
        self.keptFraction = keptFraction
        self.majoritySign = majoritySign
        self.historyGate = historyGate
        self.engine = engine
    }

    /// The factor on the local learning rate in the released code's first rounds: `min(1, localEpochs * round / 5)`.
    ///
    /// - Parameters:
    ///   - round: counted from 0, whose factor is 0: that round moves no parameter.
    ///   - localEpochs: the local epochs of a round, E.
    public static func warmUpFactor(round: Int, localEpochs: Double) -> Double {
        min(1, localEpochs * Double(max(round, 0)) / 5)
    }

    /// Combines the updates; tensors that no round has moved take the plain mean.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        let tensorCount = input.updates.layout.tensors.count
        var warm = state.flags[Self.warmName] ?? [Bool](repeating: false, count: tensorCount)
        guard warm.count == tensorCount else {
            throw AggregationError(
                .invalidState,
                "fedld's state knows \(warm.count) tensors, the model has \(tensorCount): start without it"
            )
        }
        try run(input, isPlain: historyGate ? warm.map(!) : warm.map { _ in false }) { tensor, start, values in
            if !warm[tensor], BlockArithmetic.hasNonzero(values) { warm[tensor] = true }
            try sink(start, values)
        }
        state.flags[Self.warmName] = warm
    }

    /// Combines the updates by principal gradients at once.
    public func aggregate(_ input: PreparedUpdates, sink: AggregateSink) throws {
        let isPlain = [Bool](repeating: false, count: input.updates.layout.tensors.count)
        try run(input, isPlain: isPlain) { _, start, values in try sink(start, values) }
    }

    private func run(
        _ input: PreparedUpdates,
        isPlain: [Bool],
        sink: (_ tensor: Int, _ start: Int, _ values: UnsafeBufferPointer<Double>) throws -> Void
    ) throws {
        let layout = input.updates.layout
        let mean = input.unmixed([Double](repeating: 1 / Double(input.count), count: input.count))
        var coefficients = [[Double]](repeating: mean, count: layout.tensors.count)
        let isPrincipal = layout.tensors.indices.map { index in
            !isPlain[index] && layout.tensors[index].role != .buffer && layout.tensors[index].shape.elementCount > 1
        }
        if isPrincipal.contains(true) {
            try GramPass.tensors(input.updates, rule: name, engine: engine) { tensor, raw in
                guard isPrincipal[tensor] else { return }
                let gram = input.mixing.map { raw.transformed(by: $0) } ?? raw
                coefficients[tensor] = input.unmixed(
                    PrincipalGradients.coefficients(gram, keptFraction: keptFraction, majoritySign: majoritySign)
                )
            }
        }
        let pass = CombinationPass(input.updates, tensorCoefficients: coefficients, rule: name)
        var tensor = 0
        try pass.run(engine: engine) { start, values in
            while layout.range(of: tensor).upperBound <= start { tensor += 1 }
            try sink(tensor, start, values)
        }
    }
}
