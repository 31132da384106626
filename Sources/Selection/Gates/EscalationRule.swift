// SPDX-License-Identifier: Apache-2.0

/// Decides which of a device's answers a stronger model gives instead: those with scores in a closed interval.
///
/// The device keeps an answer whose score lies below the threshold and rejects one above (selective classification).
/// The *window* escalates only around that boundary, where a better score can change the decision: what is clearly fine
/// stays, what is clearly to be rejected is rejected without the stronger model (Xia, Bouganis 2023). The *single
/// threshold* escalates everything above one score.
public struct EscalationRule: Sendable, Hashable, Codable {
    /// The smallest score that is escalated.
    public let lower: Double
    /// The largest score that is escalated.
    public let upper: Double

    /// The rule of which no score below the largest finite number is escalated.
    public static let never = EscalationRule(only: .greatestFiniteMagnitude)

    private init(only score: Double) {
        lower = score
        upper = score
    }

    /// Creates a rule for scores of `lower` to `upper`.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter` for NaN or limits in the wrong order.
    public init(lower: Double, upper: Double) throws {
        guard lower <= upper else {
            throw SelectionError(.invalidParameter, "a window's lower end (\(lower)) exceeds its upper (\(upper))")
        }
        self.lower = lower
        self.upper = upper
    }

    /// Whether a sample is escalated.
    ///
    /// One without a score (not finite) is: nothing speaks for the device's answer.
    public func escalates(_ score: Double) -> Bool {
        guard score.isFinite else { return true }
        return score >= lower && score <= upper
    }

    /// The window that escalates a fraction of samples around a threshold.
    ///
    /// With q the share of validation scores of `threshold` or less, the window reaches from the quantile
    /// `q - fraction / 2` to `q + fraction / 2`; at the ends of the scores it is shifted, not cut, so that the fraction
    /// stays. Scores equal to an end of the window go with it.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter` where no validation score is finite, or for a fraction
    ///   that is not in 0 to 1.
    public static func window(around threshold: Double, fraction: Double, scores: [Double]) throws -> EscalationRule {
        let sorted = try finite(scores, fraction)
        guard !threshold.isNaN else {
            throw SelectionError(.invalidParameter, "a window's threshold is not a number")
        }
        let below = sorted.partitionIndex { $0 > threshold }
        let width = Int((fraction * Double(sorted.count)).rounded())
        guard width > 0 else { return never }
        let start = min(max(below - width / 2, 0), sorted.count - width)
        return try EscalationRule(lower: sorted[start], upper: sorted[start + width - 1])
    }

    /// The window of a fraction's width over which escalating gains most on validation samples.
    ///
    /// Where the stronger model changes what the device rejects for the better, the best window lies above the
    /// threshold; it is the single threshold where that is best of all. Of equal windows the highest is taken.
    ///
    /// - Parameters:
    ///   - scores: the device's validation scores.
    ///   - gains: of each, what escalating it gains: 1 where only the stronger model handles it well, -1 where only the
    ///     device does, else 0.
    /// - Throws: as ``window(around:fraction:scores:)``; `shapeMismatch` where there is not one gain for each score.
    public static func window(fraction: Double, scores: [Double], gains: [Double]) throws -> EscalationRule {
        guard gains.count == scores.count else {
            throw SelectionError(.shapeMismatch, "\(scores.count) scores do not have \(gains.count) gains")
        }
        let sorted = try finite(scores, fraction)
        let width = Int((fraction * Double(sorted.count)).rounded())
        guard width > 0 else { return never }
        let ordered = zip(scores, gains).filter { $0.0.isFinite }.sorted { $0.0 < $1.0 }.map(\.1)
        var gain = ordered[..<width].reduce(0, +)
        var best = (gain: gain, start: 0)
        for start in 1..<max(sorted.count - width + 1, 1) {
            gain += ordered[start + width - 1] - ordered[start - 1]
            if gain >= best.gain { best = (gain, start) }
        }
        return try EscalationRule(lower: sorted[best.start], upper: sorted[best.start + width - 1])
    }

    /// The single threshold that escalates the fraction of samples with the highest scores.
    ///
    /// - Throws: as ``window(around:fraction:scores:)``.
    public static func singleThreshold(fraction: Double, scores: [Double]) throws -> EscalationRule {
        let sorted = try finite(scores, fraction)
        let width = Int((fraction * Double(sorted.count)).rounded())
        guard width > 0 else { return never }
        return try EscalationRule(lower: sorted[sorted.count - width], upper: .greatestFiniteMagnitude)
    }

    private static func finite(_ scores: [Double], _ fraction: Double) throws -> [Double] {
        let finite = scores.filter(\.isFinite).sorted()
        guard !finite.isEmpty, fraction >= 0, fraction <= 1 else {
            throw SelectionError(
                .invalidParameter,
                "an escalation rule is made of finite validation scores (\(finite.count)) and a fraction from 0 to 1 "
                    + "(\(fraction))"
            )
        }
        return finite
    }
}

extension [Double] {
    /// The first position of a sorted array at which `predicate` holds; it then holds at all later ones.
    func partitionIndex(where predicate: (Double) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
