// SPDX-License-Identifier: Apache-2.0

/// How the cloud learns from uploaded samples.
public struct CloudConfiguration: Sendable, Hashable {
    /// The teacher's probability from which its label is learnt from; below it only the alignment counts.
    public var confidenceFloor: Float = 0.9
    /// The weight of the alignment with the teacher's probabilities.
    public var alignment: Float = 2
    /// Steps of each update.
    public var steps = 4
    /// Samples of a step.
    public var batchSize = 32
    /// Adam's rate for the prompt.
    public var promptRate: Float = 0.001
    /// Adam's rate for the delta.
    public var deltaRate: Float = 0.002
    /// The share of the averages that stays in each step; devices are sent the averages over the steps.
    public var averaging: Float = 0.98
    /// The newest samples of each environment that are kept and learnt from.
    public var memory = 256
    /// The uncertainty from which a batch counts as far from what is known.
    public var uncertaintyThreshold: Float = 0.3
    /// The most environments that are kept.
    public var environments = 128

    /// The rate at which the teacher's student learns from uploaded samples; 0 for a teacher that stays as it is.
    public var teacherRate: Float = 0
    /// The share of the teacher that stays when it follows its student.
    public var teacherDecay: Float = 0.999

    /// Creates the default configuration.
    public init() {}

    /// Checks the ranges.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public func validate() throws {
        let rates = [promptRate, deltaRate, alignment, teacherRate, uncertaintyThreshold]
        guard (0...1).contains(confidenceFloor), (0...1).contains(teacherDecay), (0..<1).contains(averaging),
            rates.allSatisfy({ $0 >= 0 && $0.isFinite })
        else {
            throw AdaptationError(
                .invalidParameter,
                "rates and weights are 0 or more, the confidence floor, the decay and the averaging lie in 0 to 1"
            )
        }
        guard steps >= 0, batchSize >= 1, memory >= 1, environments >= 1 else {
            throw AdaptationError(.invalidParameter, "steps are 0 or more; batches, memory and environments 1 or more")
        }
    }
}
