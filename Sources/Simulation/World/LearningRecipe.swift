// SPDX-License-Identifier: Apache-2.0

public import Aggregation
public import ModelState
public import Rounds
public import UpdateCoding

/// What a finished training gives.
public struct TrainingOutcome: Sendable {
    /// The change of the model.
    public var delta: ParameterVector
    /// The update's weight: samples.
    public var weight: Double
    /// Local steps taken.
    public var steps: UInt64
    /// Samples that went through training, over all passes.
    public var trainedSamples: UInt64
    /// The mean training loss, in nats.
    public var loss: Double

    /// Creates an outcome.
    public init(delta: ParameterVector, weight: Double, steps: UInt64, trainedSamples: UInt64, loss: Double) {
        self.delta = delta
        self.weight = weight
        self.steps = steps
        self.trainedSamples = trainedSamples
        self.loss = loss
    }
}

/// The work inside a virtual world that is real: models, training, coding and aggregation.
///
/// All of it must be a pure function of its arguments; then a world is one of its seed.
public struct LearningRecipe: Sendable {
    /// Begins a training; the closure that it gives waits for the result when the virtual training is over.
    ///
    /// What is begun may run on another thread ahead of virtual time. A closure that is not called belongs to a
    /// training that was aborted.
    public typealias Training = @Sendable (TrainTask, ParameterVector) -> @Sendable () throws -> TrainingOutcome
    /// Begins an evaluation, in the same way.
    public typealias Evaluation =
        @Sendable (AgentID, EvaluateTask, ParameterVector) -> @Sendable () throws -> EvaluationSummary

    /// Says why a specification cannot be run, or nil.
    public var validate: @Sendable (JobSpecification) -> String?
    /// Makes a job's tensors and its initial model.
    public var makeModel: @Sendable (JobSpecification) throws -> (layout: TensorLayout, model: ParameterVector)
    /// Makes the aggregation rule.
    public var makeRule: @Sendable (JobSpecification.Strategy) throws -> any AggregationRule
    /// Makes a codec from its specification.
    public var makeCodec: @Sendable (String) throws -> any UpdateCodec
    /// Trains.
    public var beginTraining: Training
    /// Evaluates.
    public var beginEvaluation: Evaluation
    /// The digest of a blob.
    public var digest: @Sendable (UnsafeRawBufferPointer) -> BlobDigest

    /// Creates a recipe.
    public init(
        validate: @escaping @Sendable (JobSpecification) -> String? = { _ in nil },
        makeModel: @escaping @Sendable (JobSpecification) throws -> (layout: TensorLayout, model: ParameterVector),
        makeRule: @escaping @Sendable (JobSpecification.Strategy) throws -> any AggregationRule = { _ in
            FederatedAveraging()
        },
        makeCodec: @escaping @Sendable (String) throws -> any UpdateCodec = { _ in DenseFloatCodec() },
        beginTraining: @escaping Training,
        beginEvaluation: @escaping Evaluation,
        digest: @escaping @Sendable (UnsafeRawBufferPointer) -> BlobDigest = { ContentDigest.of($0) }
    ) {
        self.validate = validate
        self.makeModel = makeModel
        self.makeRule = makeRule
        self.makeCodec = makeCodec
        self.beginTraining = beginTraining
        self.beginEvaluation = beginEvaluation
        self.digest = digest
    }
}
