// SPDX-License-Identifier: Apache-2.0

/// Follows the accuracy of device and cloud together while more and more samples are escalated, those of the highest
/// scores first.
///
/// Among equal scores every order is equally likely; the expectation counts.
public struct CascadeCurve: Sendable, Hashable {
    /// The accuracy with k of N samples answered by the cloud, for k from 0 to N.
    public let accuracies: [Double]
    /// The accuracies of an oracle that escalates first what only the cloud answers rightly, last what only the device
    /// does.
    public let oracleAccuracies: [Double]

    /// Draws the curve.
    ///
    /// - Throws: ``SelectionError``: `missingInput` without samples, `shapeMismatch` for lists of different sizes,
    ///   `notFinite` for NaN.
    public init(scores: [Double], deviceIsCorrect: [Bool], cloudIsCorrect: [Bool]) throws {
        guard !scores.isEmpty else {
            throw SelectionError(.missingInput, "a cascade is measured on at least one sample")
        }
        guard scores.count == deviceIsCorrect.count, scores.count == cloudIsCorrect.count else {
            throw SelectionError(
                .shapeMismatch,
                "there are \(scores.count) scores, \(deviceIsCorrect.count) answers of the device and "
                    + "\(cloudIsCorrect.count) of the cloud"
            )
        }
        guard !scores.contains(where: \.isNaN) else {
            throw SelectionError(.notFinite, "a cascade cannot be measured: a score is not a number")
        }
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        let gains = scores.indices.map { (cloudIsCorrect[$0] ? 1.0 : 0) - (deviceIsCorrect[$0] ? 1.0 : 0) }
        var expected = [Double](repeating: 0, count: order.count)
        var start = 0
        while start < order.count {
            var end = start
            var sum = 0.0
            while end < order.count, scores[order[end]] == scores[order[start]] {
                sum += gains[order[end]]
                end += 1
            }
            for position in start..<end { expected[position] = sum / Double(end - start) }
            start = end
        }
        let right = Double(deviceIsCorrect.count { $0 })
        accuracies = Self.curve(from: right, expected)
        oracleAccuracies = Self.curve(from: right, gains.sorted(by: >))
    }

    private static func curve(from start: Double, _ gains: [Double]) -> [Double] {
        var right = start
        var curve = [right / Double(gains.count)]
        curve.reserveCapacity(gains.count + 1)
        for gain in gains {
            right += gain
            curve.append(right / Double(gains.count))
        }
        return curve
    }

    /// The device's accuracy alone.
    public var deviceAccuracy: Double { accuracies[0] }
    /// The cloud's accuracy alone.
    public var cloudAccuracy: Double { accuracies[accuracies.count - 1] }
    /// The area under the curve by the trapezoid rule.
    public var area: Double { Self.area(accuracies) }
    /// The area under the oracle's curve.
    public var oracleArea: Double { Self.area(oracleAccuracies) }
    /// The area of escalating at random: the straight line.
    public var randomArea: Double { (deviceAccuracy + cloudAccuracy) / 2 }

    /// The share of the gain of an oracle over chance, 1 for perfect scores, 0 for chance; nil where an oracle gains
    /// nothing.
    public var normalizedGain: Double? {
        let possible = oracleArea - randomArea
        return possible > 0 ? (area - randomArea) / possible : nil
    }

    /// The accuracy with a fraction of the samples escalated, between two points in proportion.
    ///
    /// - Precondition: a fraction from 0 to 1.
    public func accuracy(atFraction fraction: Double) -> Double {
        precondition(fraction >= 0 && fraction <= 1, "a fraction lies in 0 to 1")
        let position = fraction * Double(accuracies.count - 1)
        let index = min(Int(position), accuracies.count - 2)
        let part = position - Double(index)
        return accuracies[index] * (1 - part) + accuracies[index + 1] * part
    }

    /// The smallest fraction at which the accuracy is `share` of the cloud's or more; nil where it never is.
    public func fraction(reaching share: Double) -> Double? {
        let wanted = share * cloudAccuracy
        return accuracies.firstIndex { $0 >= wanted }.map { Double($0) / Double(accuracies.count - 1) }
    }

    private static func area(_ curve: [Double]) -> Double {
        let inner = curve.reduce(0, +) - (curve[0] + curve[curve.count - 1]) / 2
        return inner / Double(curve.count - 1)
    }
}
