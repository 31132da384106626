// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The scores straight from their definitions.
enum ScoreOracle {
    static func softmax(_ logits: [Float], temperature: Double = 1) -> [Double] {
        let values = logits.map { Double($0) / temperature }
        let maximum = values.max() ?? 0
        let exponentials = values.map { exp($0 - maximum) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
    }

    static func entropy(_ probabilities: [Double]) -> Double {
        -probabilities.filter { $0 > 0 }.reduce(0) { $0 + $1 * log($1) }
    }

    static func mean(_ rows: [[Double]]) -> [Double] {
        rows[0].indices.map { index in rows.reduce(0) { $0 + $1[index] } / Double(rows.count) }
    }

    static func votes(_ rows: [[Double]]) -> [Double] {
        var votes = [Double](repeating: 0, count: rows[0].count)
        for row in rows {
            let top = row.max() ?? 0
            if let best = row.firstIndex(of: top) { votes[best] += 1 / Double(rows.count) }
        }
        return votes
    }

    static func variance(_ rows: [[Double]]) -> Double {
        let mean = mean(rows)
        let parts = mean.indices.map { index in
            rows.reduce(0) { $0 + ($1[index] - mean[index]) * ($1[index] - mean[index]) } / Double(rows.count)
        }
        return parts.reduce(0, +) / Double(mean.count)
    }

    static func distance(_ left: [Double], _ right: [Double]) -> Double {
        zip(left, right).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
}
