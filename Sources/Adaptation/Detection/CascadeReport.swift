// SPDX-License-Identifier: Apache-2.0

internal import Selection

/// A device that answers and a cloud that answers what the device sends on, on one stream.
public struct CascadeReport: Sendable, Hashable, Codable {
    /// The two rules at one fraction.
    public struct Point: Sendable, Hashable, Codable {
        /// The fraction that both rules were made for.
        public var fraction: Double
        /// The share of answers handled well (right and accepted, or wrong and rejected) with the window that gains
        /// most on validation samples.
        public var windowHandled: Double
        /// The fraction that the window escalated.
        public var windowEscalated: Double
        /// The same with one threshold.
        public var thresholdHandled: Double
        /// The fraction that the threshold escalated.
        public var thresholdEscalated: Double
        /// The accuracy of all answers when the fraction with the highest scores is escalated.
        public var accuracy: Double

        enum CodingKeys: String, CodingKey {
            case fraction, accuracy
            case windowHandled = "window_handled"
            case windowEscalated = "window_escalated"
            case thresholdHandled = "threshold_handled"
            case thresholdEscalated = "threshold_escalated"
        }
    }

    /// The accuracy of the device alone.
    public var deviceAccuracy: Double
    /// The accuracy of the cloud alone.
    public var cloudAccuracy: Double
    /// The area under the accuracy against the fraction escalated.
    public var area: Double
    /// The same where samples are escalated at random.
    public var randomArea: Double
    /// The share of an oracle's gain over chance; nil where an oracle gains nothing.
    public var normalizedGain: Double?
    /// The points.
    public var points: [Point]

    enum CodingKeys: String, CodingKey {
        case area, points
        case deviceAccuracy = "device_accuracy"
        case cloudAccuracy = "cloud_accuracy"
        case randomArea = "random_area"
        case normalizedGain = "normalized_gain"
    }

    /// What the rules are made of and measured on.
    struct Side {
        var scores: [Double]
        var isRight: [Bool]
    }

    /// Measures a cascade; device and cloud accept what keeps their risk on validation samples at 5 % or less.
    init(device: Side, cloud: Side, validationDevice: Side, validationCloud: Side, fractions: [Double]) throws {
        let curve = try CascadeCurve(
            scores: device.scores,
            deviceIsCorrect: device.isRight,
            cloudIsCorrect: cloud.isRight
        )
        deviceAccuracy = curve.deviceAccuracy
        cloudAccuracy = curve.cloudAccuracy
        area = curve.area
        randomArea = curve.randomArea
        normalizedGain = curve.normalizedGain
        let deviceThreshold = try Self.threshold(validationDevice)
        let answers = CascadeOutcome.Answers(
            scores: device.scores,
            isCorrect: device.isRight,
            threshold: deviceThreshold
        )
        let cloudThreshold = try Self.threshold(validationCloud)
        let cloudAnswers = CascadeOutcome.Answers(
            scores: cloud.scores,
            isCorrect: cloud.isRight,
            threshold: cloudThreshold
        )
        let gains = zip(
            Self.handled(validationDevice, deviceThreshold),
            Self.handled(validationCloud, cloudThreshold)
        ).map { device, cloud in Double(cloud ? 1 : 0) - Double(device ? 1 : 0) }
        points = try fractions.map { fraction in
            let window = try CascadeOutcome(
                device: answers,
                cloud: cloudAnswers,
                rule: try .window(fraction: fraction, scores: validationDevice.scores, gains: gains)
            )
            let single = try CascadeOutcome(
                device: answers,
                cloud: cloudAnswers,
                rule: try .singleThreshold(fraction: fraction, scores: validationDevice.scores)
            )
            return Point(
                fraction: fraction,
                windowHandled: window.handledFraction,
                windowEscalated: window.escalatedFraction,
                thresholdHandled: single.handledFraction,
                thresholdEscalated: single.escalatedFraction,
                accuracy: curve.accuracy(atFraction: fraction)
            )
        }
    }

    /// Whether each answer is handled well: right and accepted, or wrong and rejected.
    private static func handled(_ side: Side, _ threshold: Double) -> [Bool] {
        zip(side.scores, side.isRight).map { score, isRight in (score <= threshold) == isRight }
    }

    /// The largest score that is accepted at a risk of 5 %.
    private static func threshold(_ side: Side) throws -> Double {
        let risks = try RiskCoverage(scores: side.scores, isWrong: side.isRight.map { !$0 })
        let skipped = min(side.scores.count / 20, 500)
        let coverage = risks.coverage(atRisk: 0.05, skipping: skipped)
        let sorted = side.scores.sorted()
        let accepted = Int((coverage * Double(sorted.count)).rounded())
        return sorted[min(max(accepted - 1, 0), sorted.count - 1)]
    }
}
