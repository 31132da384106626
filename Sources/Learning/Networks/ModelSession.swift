// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// A model on one thread for work that is no round's training: answers, features and gradients of batches.
///
/// The order is ``load(_:statistics:seed:)``, then for each batch ``forward(_:rows:)``, then what is wanted of it. A
/// gradient needs an objective on the batch first (``objective(_:)``). Nothing here changes the loaded parameters.
public final class ModelSession {
    /// What batch norm normalises with, and whether dropout drops.
    public enum Statistics: Sendable, Hashable {
        /// The running statistics of the parameters; no dropout.
        case running
        /// The batch's own; dropout at the model's rate.
        case batch
    }

    /// The model.
    public let model: ModelArchitecture
    private let network: any TrainableNetwork
    private var loaded: ParameterVector?
    private var rows = 0
    private var canCollect = false

    /// Creates a session.
    ///
    /// - Throws: ``LearningError`` with code `unknownTrainer` for a model without built-in layers.
    public init(model: ModelArchitecture) throws {
        guard model.isTrainable, let kernels = DenseKernels() else {
            throw LearningError(.unknownTrainer, "a model of kind \(model.kind) computes nothing")
        }
        self.model = model
        network = model.makeNetwork(kernels)
    }

    /// The number of features of a sample: what the last layer multiplies.
    public var featureCount: Int { network.plainFeatureCount }

    /// Loads parameters.
    ///
    /// - Parameter seed: the randomness of dropout.
    /// - Throws: ``LearningError`` with code `shapeMismatch`.
    public func load(_ parameters: ParameterVector, statistics: Statistics = .running, seed: Seed = Seed(0)) throws {
        guard parameters.count == model.layout.elementCount else {
            throw LearningError(
                .shapeMismatch,
                "\(parameters.count) parameters do not fit a model of \(model.layout.elementCount)"
            )
        }
        network.load(parameters)
        if statistics == .batch { network.beginTraining(seed: seed) }
        loaded = parameters
        canCollect = false
        rows = 0
    }

    /// Computes the answers to samples `rows` of a table.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` or `labelOutOfRange`.
    /// - Precondition: parameters are loaded; there is at least one row, and all lie in the table.
    public func forward(_ table: SampleTable, rows range: Range<Int>) throws {
        precondition(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= table.count, "rows of the table")
        try forward(Samples(table, indices: range.map { UInt32(truncatingIfNeeded: $0) }[...]))
    }

    /// Computes the answers to samples.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` or `labelOutOfRange`.
    /// - Precondition: parameters are loaded; there is at least one sample.
    public func forward(_ samples: Samples) throws {
        precondition(loaded != nil, "parameters are loaded before they are used")
        precondition(samples.count > 0, "a batch has samples")
        try samples.check(against: model, allowsUnlabelled: true)
        rows = samples.count
        network.reserve(rows: rows)
        network.gather(samples.table, rows: rows) { samples.index(at: $0) }
        network.forward(rows: rows)
    }

    /// The logits of the batch, `rows` x classes.
    public var logits: [Float] {
        let batch = network.logitBatch(rows: rows)
        return [Float](unsafeUninitializedCapacity: rows * batch.classCount) { out, count in
            count = rows * batch.classCount
            guard let out = out.baseAddress else { return }
            for row in 0..<rows {
                (out + row * batch.classCount).update(from: batch.logits + row * batch.stride, count: batch.classCount)
            }
        }
    }

    /// The features of the batch, `rows` x ``featureCount``, in the order of the last layer's weights.
    public var features: [Float] {
        [Float](unsafeUninitializedCapacity: rows * featureCount) { out, count in
            count = rows * featureCount
            guard let out = out.baseAddress else { return }
            network.writeFeatures(rows: rows, into: out)
        }
    }

    /// Lets an objective write the gradient with respect to the batch's logits; returns what it returns.
    @discardableResult
    public func objective(_ write: (LogitBatch) throws -> Double) rethrows -> Double {
        let batch = network.logitBatch(rows: rows)
        // Padding rows and columns take part in the products: they must be zero.
        batch.gradient.update(repeating: 0, count: batch.paddedRowCount * batch.stride)
        return try write(batch)
    }

    /// The gradient with respect to the inputs, `rows` x `model.inputCount`, after ``objective(_:)``.
    public func inputGradient() -> [Float] {
        [Float](unsafeUninitializedCapacity: rows * model.inputCount) { out, count in
            count = rows * model.inputCount
            guard let out = out.baseAddress else { return }
            network.inputGradient(rows: rows, into: out)
        }
    }

    /// The gradient with respect to the parameters, after ``objective(_:)``; zero at running statistics.
    ///
    /// - Parameter featureGradient: a further gradient with respect to the features, `rows` x ``featureCount``.
    /// - Precondition: features of a dense layer where a gradient with respect to them is given.
    public func parameterGradient(featureGradient: [Float]? = nil) -> ParameterVector {
        if !canCollect { network.prepareCollecting() }
        canCollect = true
        guard let featureGradient else {
            network.collectGradient(rows: rows, featureGradient: nil)
            return network.collectedGradient()
        }
        let (batch, count) = (network.featureBatch(rows: rows), featureCount)
        precondition(featureGradient.count == rows * count, "a gradient has its features' size")
        precondition(batch.featureCount == count, "features of a dense layer lie side by side")
        var laid = [Float](repeating: 0, count: rows * batch.stride)
        for row in 0..<rows {
            for index in 0..<count { laid[row * batch.stride + index] = featureGradient[row * count + index] }
        }
        laid.withUnsafeBufferPointer { network.collectGradient(rows: rows, featureGradient: $0.baseAddress) }
        return network.collectedGradient()
    }

    /// The gradients with respect to the inputs and to the parameters, after ``objective(_:)``: the same as one by one,
    /// in one pass where the model can.
    public func gradients() -> (inputs: [Float], parameters: ParameterVector) {
        if !canCollect { network.prepareCollecting() }
        canCollect = true
        let inputs = [Float](unsafeUninitializedCapacity: rows * model.inputCount) { out, count in
            count = rows * model.inputCount
            guard let out = out.baseAddress else { return }
            network.collectGradients(rows: rows, inputs: out)
        }
        return (inputs, network.collectedGradient())
    }

    /// Moves the running statistics of parameters as the forward passes since they were loaded moved the model's.
    public func moveStatistics(of parameters: inout ParameterVector) {
        let tensors = model.layout.tensors.indices.filter { model.layout.tensors[$0].role == .buffer }
        guard !tensors.isEmpty else { return }
        parameters.scatter(
            network.currentParameters().gathering(tensors, of: model.layout),
            to: tensors,
            of: model.layout
        )
    }

    /// The parameters with the batch's mean and unbiased variance in place of the running ones, after a forward pass
    /// with ``Statistics/batch``.
    ///
    /// - Precondition: one forward pass since the parameters were loaded.
    public func batchStatistics() -> ParameterVector {
        guard let loaded else { preconditionFailure("parameters are loaded before they are used") }
        // A forward pass moves running statistics by a fixed share towards the batch's: running + (batch - running) m.
        var result = loaded
        let moved = network.currentParameters()
        let share = BatchNormLayer.momentum
        for (index, tensor) in model.layout.tensors.enumerated() where tensor.role == .buffer {
            result.withMutableElements { result in
                moved.withElements { moved in
                    for element in model.layout.range(of: index) {
                        result[element] += (moved[element] - result[element]) / share
                    }
                }
            }
        }
        return result
    }
}
