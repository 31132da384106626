// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Selection

@Suite struct ClassificationMetricsTests {
    @Test(arguments: [0.5, 1, 2])
    func metricsFollowTheirDefinitions(_ temperature: Double) throws {
        var samples = Samples(90)
        let logits = samples.logits(50 * 4)
        let labels = samples.labels(50, classes: 4)
        let metrics = try ClassificationMetrics(
            logits: logits,
            classCount: 4,
            labels: labels,
            temperature: temperature
        )
        var (loss, brier, right) = (0.0, 0.0, 0.0)
        var (confidences, flags): ([Double], [Bool]) = ([], [])
        for row in 0..<50 {
            let p = ScoreOracle.softmax(Array(logits[(row * 4)..<(row * 4 + 4)]), temperature: temperature)
            loss -= log(p[Int(labels[row])]) / 50
            for index in 0..<4 { brier += pow(p[index] - (index == Int(labels[row]) ? 1 : 0), 2) / 50 }
            let isRight = p.max() == p[Int(labels[row])]
            right += isRight ? 1.0 / 50 : 0
            confidences.append(p.max() ?? 0)
            flags.append(isRight)
        }
        #expect(abs(metrics.nll - loss) < 1e-12)
        #expect(abs(metrics.brier - brier) < 1e-12)
        #expect(abs(metrics.accuracy - right) < 1e-12)
        let bins = try CalibrationBins.equalWidth(confidences: confidences, isCorrect: flags)
        #expect(abs(metrics.ece - bins.expectedError) < 1e-12)
        #expect(metrics.sampleCount == 50 && metrics.refusedCount == 0)
    }

    @Test func impossibleTruthStaysFiniteForLogits() throws {
        let metrics = try ClassificationMetrics(logits: [1_000, 0], classCount: 2, labels: [1])
        #expect(metrics.nll == 1_000)
        #expect(metrics.brier == 2)
        #expect(metrics.accuracy == 0)
    }

    @Test func badRowsAreLeftOut() throws {
        let metrics = try ClassificationMetrics(
            logits: [.nan, 0, 0, 1, 1, 0],
            classCount: 2,
            labels: [0, 1, 7]
        )
        #expect(metrics.sampleCount == 1 && metrics.refusedCount == 2 && metrics.accuracy == 1)
        #expect(throws: SelectionError.self) {
            try ClassificationMetrics(logits: [.nan, 0], classCount: 2, labels: [0])
        }
        #expect(throws: SelectionError.self) { try ClassificationMetrics(logits: [0], classCount: 2, labels: [0]) }
    }
}
