// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a teacher says of one sample.
public struct PseudoLabel: Sendable, Hashable {
    /// The teacher's probabilities.
    public let probabilities: [Float]
    /// The first class of the largest probability.
    public let label: Int

    /// The largest probability.
    public var confidence: Float { probabilities[label] }

    /// Makes a label of logits: `softmax(z)`.
    ///
    /// - Throws: ``AdaptationError`` with code `notFinite`, `missingInput` without classes.
    public init(logits: some Collection<Float>) throws {
        guard let top = logits.max() else { throw AdaptationError(.missingInput, "a label needs a class") }
        guard logits.allSatisfy(\.isFinite) else {
            throw AdaptationError(.notFinite, "a teacher's answer is not finite; it labels nothing")
        }
        let exponentials = logits.map { Glibc.exp(Double($0 - top)) }
        let total = exponentials.reduce(0, +)
        probabilities = exponentials.map { Float($0 / total) }
        label = logits.enumerated().first { $0.element == top }?.offset ?? 0
    }

    /// Whether the teacher is sure enough to be believed.
    public func isConfident(floor: Float) -> Bool { confidence >= floor }
}
