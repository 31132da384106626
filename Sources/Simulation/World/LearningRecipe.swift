// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
package import RoundWork
public import Rounds

/// What a finished training gives.
public struct TrainingOutcome: Sendable {
    /// The change of what travelled.
    public var delta: ParameterVector
    /// The update's weight: samples.
    public var weight: Double
    /// Local steps taken.
    public var steps: UInt64
    /// Samples that went through training, over all passes.
    public var trainedSamples: UInt64
    /// The mean training loss, in nats.
    public var loss: Double
    /// The mean loss at the model that training started from, where the job asks for it.
    public var initialLoss: Double?
    /// How uncertain that model is of the samples, where the job asks for it.
    public var uncertainty: Double?
    /// The methods' state after the training.
    public var state: ClientState

    /// Creates an outcome.
    public init(
        delta: ParameterVector,
        weight: Double,
        steps: UInt64,
        trainedSamples: UInt64,
        loss: Double,
        initialLoss: Double? = nil,
        uncertainty: Double? = nil,
        state: ClientState = ClientState()
    ) {
        self.delta = delta
        self.weight = weight
        self.steps = steps
        self.trainedSamples = trainedSamples
        self.loss = loss
        self.initialLoss = initialLoss
        self.uncertainty = uncertainty
        self.state = state
    }
}

/// The training and evaluation inside a virtual world; models, coding and aggregation are those of real jobs.
///
/// Both must be pure functions of their arguments; then a world is one of its seed.
public struct LearningRecipe: Sendable {
    /// Begins a training; the closure that it gives waits for the result when the virtual training is over.
    ///
    /// What is begun may run on another thread ahead of virtual time. A closure that is not called belongs to a
    /// training that was aborted.
    package typealias Training =
        @Sendable (TrainTask, ParameterVector, ClientMemory) -> @Sendable () throws -> TrainingOutcome
    /// Begins an evaluation, in the same way.
    package typealias Evaluation =
        @Sendable (AgentID, EvaluateTask, ParameterVector, ClientMemory) -> @Sendable () throws -> EvaluationSummary

    /// Says why a specification cannot be run, or nil.
    public var validate: @Sendable (JobSpecification) -> String?
    /// Trains.
    package var beginTraining: Training
    /// Evaluates.
    package var beginEvaluation: Evaluation

    /// Creates a recipe.
    package init(
        validate: @escaping @Sendable (JobSpecification) -> String? = { _ in nil },
        beginTraining: @escaping Training,
        beginEvaluation: @escaping Evaluation
    ) {
        self.validate = validate
        self.beginTraining = beginTraining
        self.beginEvaluation = beginEvaluation
    }
}
