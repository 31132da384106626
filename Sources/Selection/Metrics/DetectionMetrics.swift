// SPDX-License-Identifier: Apache-2.0

/// Measures how well scores tell unfamiliar samples (positive, higher scores) from familiar ones.
///
/// Samples of equal scores fall on the same side of every threshold, so their order does not matter.
public struct DetectionMetrics: Sendable, Hashable, Codable {
    /// The area under the receiver operating curve: `P(score_positive > score_negative) + P(equal) / 2`.
    public let auroc: Double
    /// The average precision with the unfamiliar samples as positives: `sum of (R_k - R_(k-1)) P_k` over the
    /// thresholds.
    public let auprc: Double
    /// The average precision with the familiar samples as positives and the scores negated.
    public let auprcFamiliar: Double
    /// The smallest false positive rate of a threshold with a true positive rate of 0.95 or more.
    public let fpr95: Double

    /// Measures scores.
    ///
    /// Infinite scores count as such, NaN is refused: it has no place in an order.
    ///
    /// - Throws: ``SelectionError``: `missingInput` where one side is empty, `notFinite` for NaN.
    public init(positives: [Double], negatives: [Double]) throws {
        guard !positives.isEmpty, !negatives.isEmpty else {
            throw SelectionError(
                .missingInput,
                "detection is measured on samples of both kinds; there are \(positives.count) positives and "
                    + "\(negatives.count) negatives"
            )
        }
        guard !(positives + negatives).contains(where: \.isNaN) else {
            throw SelectionError(.notFinite, "detection cannot be measured: a score is not a number")
        }
        let steps = Self.steps(positives.sorted(by: >), negatives.sorted(by: >))
        let (positiveCount, negativeCount) = (Double(positives.count), Double(negatives.count))
        var (area, precision, rate) = (0.0, 0.0, 1.0)
        var (positiveSum, negativeSum) = (0.0, 0.0)
        for step in steps {
            // The new positives outrank the negatives still to come, and tie with those of their own step.
            area += step.positives * (negativeCount - negativeSum - step.negatives / 2)
            positiveSum += step.positives
            negativeSum += step.negatives
            precision += step.positives * positiveSum / (positiveSum + negativeSum)
            if positiveSum >= 0.95 * positiveCount { rate = min(rate, negativeSum / negativeCount) }
        }
        var familiar = 0.0
        (positiveSum, negativeSum) = (0, 0)
        for step in steps.reversed() {
            positiveSum += step.positives
            negativeSum += step.negatives
            familiar += step.negatives * negativeSum / (positiveSum + negativeSum)
        }
        auroc = area / (positiveCount * negativeCount)
        auprc = precision / positiveCount
        auprcFamiliar = familiar / negativeCount
        fpr95 = rate
    }

    /// How many samples of each kind have the same score, the highest score first.
    private static func steps(_ positives: [Double], _ negatives: [Double]) -> [(positives: Double, negatives: Double)]
    {
        var steps: [(positives: Double, negatives: Double)] = []
        var (first, second) = (0, 0)
        while first < positives.count || second < negatives.count {
            let score = max(
                first < positives.count ? positives[first] : -.infinity,
                second < negatives.count ? negatives[second] : -.infinity
            )
            let (firstStart, secondStart) = (first, second)
            while first < positives.count, positives[first] == score { first += 1 }
            while second < negatives.count, negatives[second] == score { second += 1 }
            steps.append((Double(first - firstStart), Double(second - secondStart)))
        }
        return steps
    }
}
