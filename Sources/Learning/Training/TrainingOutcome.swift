// SPDX-License-Identifier: Apache-2.0

/// How far a training has come; handed to the caller after each step.
public struct TrainingProgress: Sendable, Hashable {
    /// Steps done, 1 or more.
    public let step: Int
    /// Steps that the whole training takes.
    public let plannedSteps: Int
    /// Samples seen, each pass counted.
    public let samplesSeen: Int

    /// Creates a description.
    package init(step: Int, plannedSteps: Int, samplesSeen: Int) {
        self.step = step
        self.plannedSteps = plannedSteps
        self.samplesSeen = samplesSeen
    }
}

/// What a client's training in one round came to.
public struct TrainingOutcome: Sendable, Hashable {
    /// The number of the client's samples: its weight in the average.
    public let sampleCount: Int
    /// SGD steps done.
    public let steps: Int
    /// The mean loss of the samples seen, each measured before the step that it was part of; nil without a step.
    public let meanLoss: Double?
    /// Whether the caller ended the training before its last step.
    public internal(set) var wasStopped: Bool
    /// Samples that went through training, each pass counted.
    public var samplesSeen = 0
    /// The mean loss over all of the client's samples at the parameters that training started from; nil unless the
    /// settings ask for it.
    public var initialLoss: Double?
    /// How uncertain the model at the parameters that training started from is of the client's samples, 0 to 1; nil
    /// unless the settings ask for it.
    public var uncertainty: Double?

    /// Creates an outcome.
    package init(
        sampleCount: Int,
        steps: Int,
        meanLoss: Double?,
        wasStopped: Bool,
        samplesSeen: Int = 0,
        initialLoss: Double? = nil,
        uncertainty: Double? = nil
    ) {
        self.sampleCount = sampleCount
        self.steps = steps
        self.meanLoss = meanLoss
        self.wasStopped = wasStopped
        self.samplesSeen = samplesSeen
        self.initialLoss = initialLoss
        self.uncertainty = uncertainty
    }
}

/// What a model scores on some samples; outcomes of disjoint samples add up.
public struct EvaluationOutcome: Sendable, Hashable {
    /// The number of samples.
    public var sampleCount: Int
    /// The samples whose largest logit is their label's.
    public var correctCount: Int
    /// The samples' cross-entropies, summed, in nats.
    public var lossSum: Double

    /// Creates an outcome.
    public init(sampleCount: Int, correctCount: Int, lossSum: Double) {
        self.sampleCount = sampleCount
        self.correctCount = correctCount
        self.lossSum = lossSum
    }

    /// The share of correct answers; 0 without samples.
    public var accuracy: Double { sampleCount > 0 ? Double(correctCount) / Double(sampleCount) : 0 }

    /// The mean cross-entropy; 0 without samples.
    public var meanLoss: Double { sampleCount > 0 ? lossSum / Double(sampleCount) : 0 }

    /// The outcome on the samples of both.
    public static func + (left: EvaluationOutcome, right: EvaluationOutcome) -> EvaluationOutcome {
        EvaluationOutcome(
            sampleCount: left.sampleCount + right.sampleCount,
            correctCount: left.correctCount + right.correctCount,
            lossSum: left.lossSum + right.lossSum
        )
    }
}
