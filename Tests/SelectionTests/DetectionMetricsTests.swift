// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Selection

@Suite struct DetectionMetricsTests {
    /// Precision and recall at every threshold, from the whole lists each time.
    static func averagePrecision(_ positives: [Double], _ negatives: [Double]) -> Double {
        var (sum, recall) = (0.0, 0.0)
        for threshold in Set(positives + negatives).sorted(by: >) {
            let found = Double(positives.count { $0 >= threshold })
            let wrong = Double(negatives.count { $0 >= threshold })
            let reached = found / Double(positives.count)
            sum += (reached - recall) * found / (found + wrong)
            recall = reached
        }
        return sum
    }

    @Test func separatedScoresArePerfect() throws {
        let metrics = try DetectionMetrics(positives: [3, 4, 5], negatives: [0, 1, 2])
        #expect(metrics.auroc == 1 && metrics.auprc == 1 && metrics.auprcFamiliar == 1 && metrics.fpr95 == 0)
        let reversed = try DetectionMetrics(positives: [0, 1, 2], negatives: [3, 4, 5])
        #expect(reversed.auroc == 0 && reversed.fpr95 == 1)
    }

    @Test func equalScoresAreChance() throws {
        let metrics = try DetectionMetrics(positives: [1, 1, 1], negatives: [1])
        #expect(metrics.auroc == 0.5 && metrics.auprc == 0.75 && metrics.auprcFamiliar == 0.25)
        #expect(metrics.fpr95 == 1)
    }

    @Test func aSmallCaseIsCountedByHand() throws {
        // Ranked: + - + -, so AUROC 3/4, average precision (1 + 2/3) / 2.
        let metrics = try DetectionMetrics(positives: [4, 2], negatives: [3, 1])
        #expect(metrics.auroc == 0.75)
        #expect(abs(metrics.auprc - (1 + 2.0 / 3) / 2) < 1e-15)
        #expect(metrics.fpr95 == 0.5)
    }

    @Test(arguments: [3, 8, 1_000])
    func metricsFollowTheirDefinitions(_ levels: Int) throws {
        var samples = Samples(UInt64(levels))
        let positives = samples.tiedScores(40, levels: levels).map { $0 * 1.2 }
        let negatives = samples.tiedScores(55, levels: levels).map { $0 * 1.2 - (levels > 100 ? 100 : 0) }
        let metrics = try DetectionMetrics(positives: positives, negatives: negatives)
        var pairs = 0.0
        for positive in positives {
            for negative in negatives { pairs += positive > negative ? 1 : positive == negative ? 0.5 : 0 }
        }
        #expect(abs(metrics.auroc - pairs / (40 * 55)) < 1e-12)
        #expect(abs(metrics.auprc - Self.averagePrecision(positives, negatives)) < 1e-12)
        let swapped = Self.averagePrecision(negatives.map { -$0 }, positives.map { -$0 })
        #expect(abs(metrics.auprcFamiliar - swapped) < 1e-12)
        let rates = Set(positives + negatives).filter { threshold in positives.count { $0 >= threshold } >= 38 }
            .map { threshold in Double(negatives.count { $0 >= threshold }) / 55 }
        #expect(metrics.fpr95 == rates.min())
    }

    @Test func infiniteScoresHaveAPlace() throws {
        let metrics = try DetectionMetrics(positives: [.infinity, 1], negatives: [-.infinity, -.infinity])
        #expect(metrics.auroc == 1)
    }

    @Test func whatCannotBeMeasuredIsRefused() {
        #expect(throws: SelectionError.self) { try DetectionMetrics(positives: [], negatives: [1]) }
        #expect(throws: SelectionError.self) { try DetectionMetrics(positives: [1], negatives: []) }
        #expect(throws: SelectionError.self) { try DetectionMetrics(positives: [.nan], negatives: [1]) }
    }
}
