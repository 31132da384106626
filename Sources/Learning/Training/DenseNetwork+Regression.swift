// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension DenseNetwork {
    /// The most classes of a model that ``trainRegression(_:_:batchSize:steps:learningRate:lossSum:)`` trains.
    static let regressionClasses = DenseKernels.padding

    /// Whether plain steps on these samples can be made in one call: a softmax regression with few classes.
    func isRegression(on view: SampleView) -> Bool {
        layers.count == 1 && layers[0].outputs <= Self.regressionClasses && view.floats != nil && velocity == nil
            && offset == nil
    }

    /// Trains by plain SGD, batch after batch, with the bits of one batch at a time.
    ///
    /// - Parameters:
    ///   - samples: whom to learn from, in this order.
    ///   - batchSize: at most what room was reserved for.
    ///   - steps: the most steps.
    ///   - lossSum: the samples' cross-entropies are added.
    /// - Returns: nil, or the first step, from 1, whose loss is not finite.
    func trainRegression(
        _ view: SampleView,
        _ samples: UnsafeBufferPointer<UInt32>,
        batchSize: Int,
        steps: Int,
        learningRate: Float,
        lossSum: inout Double
    ) -> Int? {
        let buffers = buffers
        precondition(isRegression(on: view) && batchSize <= buffers.rows, "room for a batch is reserved before")
        var model = ckt_regression(
            data: view.floats,
            labels: view.labels.baseAddress,
            inputs: layers[0].inputs,
            classes: layers[0].outputs,
            weights: values + layers[0].weight,
            bias: values + layers[0].bias,
            rows: buffers.activations[0],
            gradient: buffers.gradients[0],
            learning_rate: learningRate
        )
        let failed = kernels.softmaxSteps(&model, samples.baseAddress, samples.count, batchSize, steps, &lossSum)
        return failed == 0 ? nil : failed
    }
}
