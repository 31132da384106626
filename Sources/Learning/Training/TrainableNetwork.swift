// SPDX-License-Identifier: Apache-2.0

internal import ModelState
internal import Randomness

/// A network of one thread, as the trainer and client-side methods use it: parameters, one batch, one step.
///
/// The order of a step is gather, forward, an objective on ``logitBatch(rows:)``, backwardAndStep. Memory is allocated
/// when parameters are first loaded and when a larger batch comes, never in a step. Results depend on the parameters,
/// the batch and the seed alone, not on what the network did before.
protocol TrainableNetwork: AnyObject {
    /// The model.
    var model: ModelArchitecture { get }
    /// The most rows of a batch that is only evaluated; more would cost memory and save no time.
    var evaluationRows: Int { get }

    /// Another network of the same model, without parameters.
    func makeSibling() -> any TrainableNetwork

    // MARK: Parameters

    /// Loads parameters; no velocity, no offset. The network evaluates until ``beginTraining(seed:)``.
    func load(_ vector: ParameterVector)
    /// Begins to train.
    ///
    /// Batch norm uses and tracks the batch's statistics; dropout draws its masks from the seed and the number of
    /// batches gathered since.
    func beginTraining(seed: Seed)
    /// Prepares the optimizer's state: a zero velocity where momentum needs one, the gradient's constant part.
    func prepareStep(momentum: Bool, offset: ParameterVector?)
    /// The parameters as they are now, in the model's layout.
    func currentParameters() -> ParameterVector
    /// Writes `parameters - start` in the model's layout.
    func writeDifference(from start: ParameterVector, into out: UnsafeMutableBufferPointer<Float>)

    /// Lets go of all buffers: after a divergence their padding, which loading leaves as it is, may hold NaN.
    func discardBuffers()

    // MARK: A batch

    /// Makes room for batches of up to `rows` rows.
    func reserve(rows: Int)
    /// Takes samples of a table as the next batch.
    func gather(_ table: SampleTable, rows: Int, index: (Int) -> UInt32)
    /// Computes the logits of the batch.
    func forward(rows: Int)
    /// The batch's logits with room for probabilities and gradient.
    func logitBatch(rows: Int) -> LogitBatch
    /// Adds the batch's cross-entropy and correct answers.
    func evaluate(rows: Int, correct: inout Int) -> Double
    /// One SGD step from the gradient that lies in the batch's `gradient`.
    ///
    /// - Parameter featureGradient: a further gradient with respect to the features, laid out as
    ///   ``featureBatch(rows:)`` has them; nil for none.
    func backwardAndStep(
        rows: Int,
        learningRate: Float,
        decay: Float,
        momentum: Float,
        featureGradient: UnsafePointer<Float>?
    )

    // MARK: Features and inputs

    /// Whether the features are learned: a network of one layer has only its inputs.
    var hasFeatures: Bool { get }
    /// Computes the features of the batch, and no logits.
    func forwardFeatures(rows: Int)
    /// The batch's features (what the last layer multiplies), once they were computed.
    func featureBatch(rows: Int) -> FeatureBatch
    /// The number of features of a sample, without padding.
    var plainFeatureCount: Int { get }
    /// Writes the batch's features as the last layer's weights order them, without padding.
    func writeFeatures(rows: Int, into out: UnsafeMutablePointer<Float>)
    /// Writes the gradient with respect to the batch's inputs, `rows` x `model.inputCount` in the order of the samples,
    /// from the gradient that lies in the batch's `gradient`; no parameter changes.
    ///
    /// Call it after the objective and before the step. Inputs that are no numbers (characters) get zeros.
    func inputGradient(rows: Int, into out: UnsafeMutablePointer<Float>)

    // MARK: A gradient without a step

    /// Makes room to collect gradients; nothing of an earlier training remains.
    func prepareCollecting()
    /// Collects the gradient of the batch's loss, without decay and offset; the parameters stay as they are.
    func collectGradient(rows: Int, featureGradient: UnsafePointer<Float>?)
    /// Collects the gradient as ``collectGradient(rows:featureGradient:)`` does, and writes that with respect to the
    /// inputs as ``inputGradient(rows:into:)`` does.
    func collectGradients(rows: Int, inputs: UnsafeMutablePointer<Float>)
    /// The collected gradient in the model's layout; zeros where steps change nothing.
    func collectedGradient() -> ParameterVector
    /// Keeps the parameters and moves them by `radius` along the collected gradient.
    func perturb(radius: Float)
    /// Brings the kept parameters back and makes a step from them with the collected gradient.
    func restoreAndStep(learningRate: Float, decay: Float, momentum: Float)
}

extension TrainableNetwork {
    func collectGradients(rows: Int, inputs: UnsafeMutablePointer<Float>) {
        inputGradient(rows: rows, into: inputs)
        collectGradient(rows: rows, featureGradient: nil)
    }

    /// One SGD step without a further gradient at the features.
    func backwardAndStep(rows: Int, learningRate: Float, decay: Float, momentum: Float) {
        backwardAndStep(
            rows: rows,
            learningRate: learningRate,
            decay: decay,
            momentum: momentum,
            featureGradient: nil
        )
    }
}
