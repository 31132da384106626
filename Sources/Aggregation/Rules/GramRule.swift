// SPDX-License-Identifier: Apache-2.0

/// A rule whose result is a linear combination of the updates with coefficients that follow from their inner products.
///
/// The engine makes the Gram matrix in one pass and the combination in a second one; the rule itself sees numbers only.
public protocol GramRule: ComposableRule {
    /// The coefficient of each vector in the result.
    ///
    /// - Parameters:
    ///   - gram: the inner products of the vectors, all finite.
    ///   - weights: the vectors' weights, with sum 1; most robust rules ignore them.
    /// - Throws: ``AggregationError`` when the rule cannot work with so many vectors.
    func coefficients(_ gram: GramMatrix, weights: [Double]) throws -> [Double]

    /// Checks the rule's parameters against the number of vectors, before anything is read.
    func check(count: Int) throws
}

extension GramRule {
    /// Makes the Gram matrix, asks for the coefficients, makes the combination.
    public func aggregate(_ input: PreparedUpdates, state: inout AggregationState, sink: AggregateSink) throws {
        try check(count: input.count)
        let gram = try input.mixedGram(rule: name, engine: engine)
        let coefficients = try coefficients(gram, weights: input.weights)
        try CombinationPass(input.updates, coefficients: input.unmixed(coefficients), rule: name)
            .run(engine: engine, sink: sink)
    }
}

/// Equal coefficients for the vectors `kept`, zero for the others.
func meanCoefficients(of kept: [Int], count: Int) -> [Double] {
    var coefficients = [Double](repeating: 0, count: count)
    for index in kept { coefficients[index] = 1 / Double(kept.count) }
    return coefficients
}

/// The number of faulty updates that a robust rule is built to bear.
enum FaultTolerance {
    /// Checks `0 <= f` and `2 f < n`: with as many faulty as honest updates no rule can tell them apart.
    static func check(rule: String, faulty: Int, count: Int) throws {
        guard faulty >= 0 else {
            throw AggregationError(
                .invalidParameter,
                "\(rule) was told to bear f = \(faulty) faulty updates; f is 0 or more"
            )
        }
        guard count > 2 * faulty else {
            throw AggregationError(
                .notEnoughUpdates,
                "\(rule) with f = \(faulty) needs at least \(2 * faulty + 1) updates and has \(count): lower f or wait"
            )
        }
    }

    /// Checks a parameter of a rule.
    static func require(_ condition: Bool, rule: String, _ text: String) throws {
        guard condition else { throw AggregationError(.invalidParameter, "\(rule): \(text)") }
    }
}
