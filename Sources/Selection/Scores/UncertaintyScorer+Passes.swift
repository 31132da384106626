// SPDX-License-Identifier: Apache-2.0

import Glibc

extension UncertaintyScorer {
    /// Scores that compare passes.
    ///
    /// A row is refused where one of its passes cannot be scored.
    func comparePasses(_ rows: LogitRows, into scores: UnsafeMutableBufferPointer<Double>) -> Int {
        let (passes, classes) = (rows.passCount, rows.classCount)
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: (passes + 2) * classes) { scratch in
            let probabilities = scratch.baseAddress!  // there is at least one class, so there is memory
            let mean = probabilities + passes * classes
            let votes = mean + classes
            var refused = 0
            for row in 0..<rows.rowCount {
                let isScored = fill(probabilities, votes, rows, row)
                scores[row] = isScored ? combine(probabilities, mean, votes, passes, classes) : Self.refusedScore
                refused += isScored ? 0 : 1
            }
            return refused
        }
    }

    /// Writes the probabilities of all passes of a row and counts their votes; false where a pass cannot be scored.
    private func fill(
        _ probabilities: UnsafeMutablePointer<Double>,
        _ votes: UnsafeMutablePointer<Double>,
        _ rows: LogitRows,
        _ row: Int
    ) -> Bool {
        let classes = rows.classCount
        votes.initialize(repeating: 0, count: classes)
        for pass in 0..<rows.passCount {
            let target = probabilities + pass * classes
            guard let best = Self.probabilities(rows, row, pass, temperature, into: target) else { return false }
            votes[best] += 1
        }
        return true
    }

    /// Writes the probabilities of one row; the most likely class, or nil where the row cannot be scored.
    static func probabilities(
        _ rows: LogitRows,
        _ row: Int,
        _ pass: Int,
        _ temperature: Double,
        into target: UnsafeMutablePointer<Double>
    ) -> Int? {
        let softmax = Softmax(
            rows.row(row, pass: pass),
            rows.classCount,
            content: rows.content,
            inverseTemperature: 1 / temperature,
            exponentials: target
        )
        guard let softmax else { return nil }
        let scale = 1 / (1 + softmax.rest)
        for index in 0..<rows.classCount { target[index] *= scale }
        return softmax.best
    }

    private func combine(
        _ probabilities: UnsafeMutablePointer<Double>,
        _ mean: UnsafeMutablePointer<Double>,
        _ votes: UnsafeMutablePointer<Double>,
        _ passes: Int,
        _ classes: Int
    ) -> Double {
        let share = 1 / Double(passes)
        if score == .disagreement {
            return Self.entropy(votes, classes, scale: share)
        }
        if score == .expectedEntropy {
            var sum = 0.0
            for pass in 0..<passes { sum += Self.entropy(probabilities + pass * classes, classes) }
            return sum * share
        }
        mean.initialize(repeating: 0, count: classes)
        for pass in 0..<passes {
            for index in 0..<classes { mean[index] += probabilities[pass * classes + index] }
        }
        for index in 0..<classes { mean[index] *= share }
        switch score {
        case .predictiveEntropy:
            return Self.entropy(mean, classes)
        case .mutualInformation:
            // mean KL(p_t || q): unlike the difference of two entropies it does not cancel where passes agree.
            var sum = 0.0
            for pass in 0..<passes {
                for index in 0..<classes {
                    let probability = probabilities[pass * classes + index]
                    if probability > 0 { sum += probability * Glibc.log(probability / mean[index]) }
                }
            }
            return max(sum * share, 0)
        default:
            var sum = 0.0
            for pass in 0..<passes {
                for index in 0..<classes {
                    let distance = probabilities[pass * classes + index] - mean[index]
                    sum += distance * distance
                }
            }
            return sum * share / Double(classes)
        }
    }

    private static func entropy(_ values: UnsafeMutablePointer<Double>, _ count: Int, scale: Double = 1) -> Double {
        var sum = 0.0
        for index in 0..<count {
            let value = values[index] * scale
            if value > 0 { sum -= value * Glibc.log(value) }
        }
        return max(sum, 0)
    }
}
