// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Fits the temperature by the error of h-calibration instead of the likelihood (Huang and others 2025).
///
/// The error looks at every event "sample i is of class c" with its probability p and its outcome o:
///
/// 1. sort all events by p; average p and o over a moving window of `window + 1` events, zeros beyond the ends;
/// 2. the local error is `max(|mean p - mean o| - tolerance, 0)`;
/// 3. cluster p into `clusters` groups by one-dimensional k-means; average the local error in each group, then
///    over the groups;
/// 4. repeat with the samples of each class left out in turn, and average.
///
/// The paper trains maps of many parameters on it; here the map is the temperature, and k-means starts from quantiles.
public struct HCalibration: Sendable, Hashable {
    /// A fitted temperature.
    public struct Fit: Sendable, Hashable, Codable {
        /// The temperature.
        public let temperature: Double
        /// The error at temperature 1.
        public let errorBefore: Double
        /// The error at the fitted temperature.
        public let errorAfter: Double
        /// The samples that were used.
        public let sampleCount: Int
        /// The samples that were left out: a logit that is not finite, a label that is no class.
        public let refusedCount: Int
    }

    /// The events of a moving average, less one.
    public let window: Int
    /// The groups of probabilities.
    public let clusters: Int
    /// The local error that does not count.
    public let tolerance: Double
    /// Where the temperature is looked for.
    public let range: ClosedRange<Double>
    /// With fewer samples the temperature stays 1.
    public let minimumSamples: Int

    /// Creates the method; the defaults are those of the authors' code.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(
        window: Int = 200,
        clusters: Int = 15,
        tolerance: Double = 1e-20,
        range: ClosedRange<Double> = 0.05...20,
        minimumSamples: Int = 16
    ) throws {
        guard (2...1 << 20).contains(window), (1...1_024).contains(clusters), tolerance >= 0 else {
            throw SelectionError(
                .invalidParameter,
                "h-calibration needs a window of 2 to \(1 << 20) events (\(window)), 1 to 1024 clusters (\(clusters)) "
                    + "and a tolerance of 0 or more (\(tolerance))"
            )
        }
        self.range = try TemperatureScaling(range: range).range
        self.window = window / 2 * 2
        self.clusters = clusters
        self.tolerance = tolerance
        self.minimumSamples = max(minimumSamples, 1)
    }

    /// Finds the temperature of the smallest error: the best of a grid, refined by golden section.
    ///
    /// - Throws: ``SelectionError``: `shapeMismatch`, as ``TemperatureScaling/fit(logits:classCount:labels:)``.
    public func fit(logits: [Float], classCount: Int, labels: [Int32]) throws -> Fit {
        guard classCount >= 1, logits.count == classCount * labels.count else {
            throw SelectionError(
                .shapeMismatch,
                "\(logits.count) logits are not \(labels.count) rows of \(classCount) classes"
            )
        }
        let usable = labels.indices.filter { row in
            labels[row] >= 0 && Int(labels[row]) < classCount
                && logits[(row * classCount)..<((row + 1) * classCount)].allSatisfy(\.isFinite)
        }
        let kept = usable.flatMap { logits[($0 * classCount)..<(($0 + 1) * classCount)] }
        let truth = usable.map { labels[$0] }
        func error(_ logTemperature: Double) -> Double {
            self.error(kept, classCount, truth, temperature: Glibc.exp(logTemperature))
        }
        let before = usable.isEmpty ? 0 : error(0)
        var best = (place: 0.0, error: before)
        if usable.count >= minimumSamples {
            let (low, high) = (Glibc.log(range.lowerBound), Glibc.log(range.upperBound))
            let step = (high - low) / 24
            for place in (0...24).map({ low + Double($0) * step }) {
                let here = error(place)
                if here < best.error { best = (place, here) }
            }
            let refined = Self.golden(max(best.place - step, low), min(best.place + step, high), error)
            if refined.error < best.error { best = refined }
        }
        return Fit(
            temperature: best.place == 0 ? 1 : Glibc.exp(best.place),
            errorBefore: before,
            errorAfter: best.error,
            sampleCount: usable.count,
            refusedCount: labels.count - usable.count
        )
    }

    private static func golden(
        _ start: Double,
        _ end: Double,
        _ error: (Double) -> Double
    ) -> (place: Double, error: Double) {
        let ratio = (5.0.squareRoot() - 1) / 2
        var (low, high) = (start, end)
        var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
        var (leftError, rightError) = (error(left), error(right))
        while high - low > 1e-3 {
            if leftError <= rightError {
                (high, right, rightError) = (right, left, leftError)
                left = high - ratio * (high - low)
                leftError = error(left)
            } else {
                (low, left, leftError) = (left, right, rightError)
                right = low + ratio * (high - low)
                rightError = error(right)
            }
        }
        return leftError <= rightError ? (left, leftError) : (right, rightError)
    }
}
