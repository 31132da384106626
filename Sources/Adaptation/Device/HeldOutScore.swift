// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How well a model does on samples that nobody labelled.
public enum HeldOutScore {
    /// The information that answers carry about their samples, in nats: `H(mean p) - mean H(p)`.
    ///
    /// It is high where single answers are sure and all together use all classes. It falls when a model gets unsure and
    /// also when it says the same to everything, which confidence alone rewards. 0 to log C; minus infinity where an
    /// answer is not finite.
    ///
    /// - Precondition: whole rows of `classCount` logits, at least one.
    public static func information(logits: [Float], classCount: Int) -> Double {
        precondition(!logits.isEmpty && classCount >= 1 && logits.count % classCount == 0, "whole rows of answers")
        guard logits.allSatisfy(\.isFinite) else { return -Double.infinity }
        var mean = [Double](repeating: 0, count: classCount)
        var entropies = 0.0
        let rows = logits.count / classCount
        for row in 0..<rows {
            let values = logits[(row * classCount)..<((row + 1) * classCount)]
            let top = values.max() ?? 0
            let exponentials = values.map { Glibc.exp(Double($0 - top)) }
            let total = exponentials.reduce(0, +)
            for (index, value) in exponentials.enumerated() {
                mean[index] += value / total / Double(rows)
                entropies += entropy(value / total)
            }
        }
        return mean.reduce(0) { $0 + entropy($1) } - entropies / Double(rows)
    }

    private static func entropy(_ probability: Double) -> Double {
        probability > 0 ? -probability * Glibc.log(probability) : 0
    }
}
