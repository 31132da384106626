// SPDX-License-Identifier: Apache-2.0

/// What device, cloud and a rule of escalation achieve together where answers may also be rejected.
///
/// The device accepts answers with scores of its threshold or less. What the rule escalates is answered by the cloud,
/// which accepts by its own scores and threshold. A sample is *handled* where a right answer was accepted or a wrong
/// one rejected.
public struct CascadeOutcome: Sendable, Hashable, Codable {
    /// The device's answers, or the cloud's.
    public struct Answers: Sendable {
        /// One score for each sample; larger means less sure.
        public var scores: [Double]
        /// Whether the answer is right.
        public var isCorrect: [Bool]
        /// Answers with larger scores, or with one that is not finite, are rejected.
        public var threshold: Double

        /// Creates answers.
        public init(scores: [Double], isCorrect: [Bool], threshold: Double) {
            self.scores = scores
            self.isCorrect = isCorrect
            self.threshold = threshold
        }

        func accepts(_ sample: Int) -> Bool { scores[sample].isFinite && scores[sample] <= threshold }
    }

    /// The share of samples that the cloud answered.
    public let escalatedFraction: Double
    /// The share of right answers, accepted or not.
    public let accuracy: Double
    /// The share of accepted answers.
    public let coverage: Double
    /// The share of wrong answers among the accepted; 0 where none is.
    public let selectiveRisk: Double
    /// The share of handled samples.
    public let handledFraction: Double

    /// Runs the cascade.
    ///
    /// - Throws: ``SelectionError``: `missingInput` without samples, `shapeMismatch` for lists of different sizes.
    public init(device: Answers, cloud: Answers, rule: EscalationRule) throws {
        let count = device.scores.count
        guard count > 0 else { throw SelectionError(.missingInput, "a cascade is measured on at least one sample") }
        guard [device.isCorrect.count, cloud.scores.count, cloud.isCorrect.count].allSatisfy({ $0 == count }) else {
            throw SelectionError(.shapeMismatch, "device and cloud do not score and answer the same \(count) samples")
        }
        var (escalated, right, accepted, acceptedWrong, handled) = (0, 0, 0, 0, 0)
        for sample in 0..<count {
            let isEscalated = rule.escalates(device.scores[sample])
            let answers = isEscalated ? cloud : device
            let (isRight, isAccepted) = (answers.isCorrect[sample], answers.accepts(sample))
            escalated += isEscalated ? 1 : 0
            right += isRight ? 1 : 0
            accepted += isAccepted ? 1 : 0
            acceptedWrong += isAccepted && !isRight ? 1 : 0
            handled += isAccepted == isRight ? 1 : 0
        }
        escalatedFraction = Double(escalated) / Double(count)
        accuracy = Double(right) / Double(count)
        coverage = Double(accepted) / Double(count)
        selectiveRisk = accepted > 0 ? Double(acceptedWrong) / Double(accepted) : 0
        handledFraction = Double(handled) / Double(count)
    }
}
