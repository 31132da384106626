// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Fits the temperature T that makes `softmax(z / T)` honest on held-out samples (Guo, Pleiss, Sun, Weinberger 2017).
///
/// In `b = 1 / T` the mean negative log-likelihood is convex; with expectation and variance under p,
///
///     f(b) = mean(log sum exp(b z) - b z_y),   f'(b) = mean(E z - z_y),   f''(b) = mean(Var z)
///
/// so Newton's method, kept inside a bracket by halving, finds the only minimum. Which class wins never changes.
public struct TemperatureScaling: Sendable, Hashable {
    /// How a fit ended.
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// At the minimum.
        case converged
        /// The minimum lies outside the range: at its nearest end.
        case atBound = "at-bound"
        /// Too few samples that can be used: temperature 1.
        case tooFewSamples = "too-few-samples"
        /// The likelihood does not depend on the temperature, as all logits of each sample are equal: temperature 1.
        case flat
    }

    /// A fitted temperature.
    public struct Fit: Sendable, Hashable, Codable {
        /// The temperature.
        public let temperature: Double
        /// The mean negative log-likelihood at temperature 1, in nats; 0 without samples.
        public let lossBefore: Double
        /// The mean negative log-likelihood at the fitted temperature, in nats; 0 without samples.
        public let lossAfter: Double
        /// The samples that were used.
        public let sampleCount: Int
        /// The samples that were left out: a logit that is not finite, a label that is no class.
        public let refusedCount: Int
        /// How the fit ended.
        public let outcome: Outcome
    }

    /// Where the temperature is looked for.
    public let range: ClosedRange<Double>
    /// With fewer samples the temperature stays 1.
    public let minimumSamples: Int

    /// Creates the method.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter` where the range does not contain 1 or leaves
    ///   ``UncertaintyScorer/temperatures``.
    public init(range: ClosedRange<Double> = 0.05...20, minimumSamples: Int = 16) throws {
        let allowed = UncertaintyScorer.temperatures
        guard range.contains(1), range.lowerBound >= allowed.lowerBound, range.upperBound <= allowed.upperBound else {
            throw SelectionError(
                .invalidParameter,
                "temperatures are looked for around 1 in \(allowed.lowerBound) to \(allowed.upperBound), not in "
                    + "\(range.lowerBound) to \(range.upperBound)"
            )
        }
        self.range = range
        self.minimumSamples = max(minimumSamples, 1)
    }

    /// Fits the temperature to pass 0 of `rows`; `labels[r]` is the class of row r.
    ///
    /// Samples that cannot be used are left out and counted.
    ///
    /// - Throws: ``SelectionError`` with code `shapeMismatch` for fewer labels than rows, `missingInput` for
    ///   probabilities.
    public func fit(_ rows: LogitRows, labels: UnsafeBufferPointer<Int32>) throws -> Fit {
        guard labels.count >= rows.rowCount else {
            throw SelectionError(.shapeMismatch, "there are \(labels.count) labels for \(rows.rowCount) rows")
        }
        guard rows.content == .logits else {
            throw SelectionError(.missingInput, "a temperature is fitted to logits, not to probabilities")
        }
        let usable = (0..<rows.rowCount).filter { Self.isUsable(rows, $0, labels[$0]) }
        let refused = rows.rowCount - usable.count
        let before = Likelihood(rows, labels, usable, at: 1)
        func result(_ temperature: Double, _ outcome: Outcome) -> Fit {
            Fit(
                temperature: temperature,
                lossBefore: before.loss,
                lossAfter: temperature == 1 ? before.loss : Likelihood(rows, labels, usable, at: 1 / temperature).loss,
                sampleCount: usable.count,
                refusedCount: refused,
                outcome: outcome
            )
        }
        guard usable.count >= minimumSamples else { return result(1, .tooFewSamples) }
        var (low, high) = (1 / range.upperBound, 1 / range.lowerBound)
        let (atLow, atHigh) = (Likelihood(rows, labels, usable, at: low), Likelihood(rows, labels, usable, at: high))
        if atLow.slope == 0, atHigh.slope == 0 { return result(1, .flat) }
        if atLow.slope >= 0 { return result(range.upperBound, .atBound) }
        if atHigh.slope <= 0 { return result(range.lowerBound, .atBound) }
        var inverse = 1.0
        for _ in 0..<100 {
            let here = Likelihood(rows, labels, usable, at: inverse)
            if here.slope > 0 { high = inverse } else { low = inverse }
            let newton = here.curvature > 0 ? inverse - here.slope / here.curvature : low
            if abs(newton - inverse) <= 1e-13 * inverse { break }
            inverse = newton > low && newton < high ? newton : (low + high) / 2
        }
        return result(1 / inverse, .converged)
    }

    /// Fits the temperature to rows without gaps.
    ///
    /// - Throws: as ``fit(_:labels:)``; `shapeMismatch` also where the logits fill no whole rows.
    public func fit(logits: [Float], classCount: Int, labels: [Int32]) throws -> Fit {
        guard classCount >= 1, logits.count == classCount * labels.count else {
            throw SelectionError(
                .shapeMismatch,
                "\(logits.count) logits are not \(labels.count) rows of \(classCount) classes"
            )
        }
        return try LogitRows.with(logits, classCount: classCount) { rows in
            try labels.withUnsafeBufferPointer { try fit(rows, labels: $0) }
        }
    }

    private static func isUsable(_ rows: LogitRows, _ row: Int, _ label: Int32) -> Bool {
        guard label >= 0, Int(label) < rows.classCount else { return false }
        let values = rows.row(row, pass: 0)
        return (0..<rows.classCount).allSatisfy { values[$0].isFinite }
    }

    /// The mean negative log-likelihood with its first two derivatives at one inverse temperature.
    private struct Likelihood {
        var loss = 0.0
        var slope = 0.0
        var curvature = 0.0

        init(_ rows: LogitRows, _ labels: UnsafeBufferPointer<Int32>, _ usable: [Int], at inverse: Double) {
            guard !usable.isEmpty else { return }
            for row in usable {
                let values = rows.row(row, pass: 0)
                var maximum = -Double.infinity
                for index in 0..<rows.classCount { maximum = max(maximum, Double(values[index])) }
                var (sum, first, second) = (0.0, 0.0, 0.0)
                for index in 0..<rows.classCount {
                    let distance = Double(values[index]) - maximum
                    let weight = Glibc.exp(inverse * distance)
                    sum += weight
                    // A vanished class adds nothing; its distance squared may be past all bounds.
                    guard weight > 0 else { continue }
                    first += weight * distance
                    second += weight * distance * distance
                }
                let truth = Double(values[Int(labels[row])]) - maximum
                let mean = first / sum
                loss += Glibc.log(sum) - inverse * truth
                slope += mean - truth
                curvature += max(second / sum - mean * mean, 0)
            }
            let scale = 1 / Double(usable.count)
            loss *= scale
            slope *= scale
            curvature *= scale
        }
    }
}
