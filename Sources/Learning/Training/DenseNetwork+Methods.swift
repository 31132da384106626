// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import ModelState

/// What client-side methods need of a network beside plain steps.
extension DenseNetwork {
    /// Whether the features are learned: a network of one layer has only its inputs.
    var hasFeatures: Bool { layers.count > 1 }

    /// The parameters as they are now, in the model's layout.
    func currentParameters() -> ParameterVector { unpacked(values) }

    /// The collected gradient in the model's layout.
    func collectedGradient() -> ParameterVector { unpacked(collectedValues) }

    private func unpacked(_ block: UnsafePointer<Float>) -> ParameterVector {
        var vector = ParameterVector(zeros: model.layout.elementCount)
        vector.withMutableElements { elements in
            guard let target = elements.baseAddress else { return }
            for (index, layer) in layers.enumerated() {
                let weight = model.layout.range(of: 2 * index).lowerBound
                let bias = model.layout.range(of: 2 * index + 1).lowerBound
                kernels.unpackDifference(block + layer.weight, nil, target + weight, layer.outputs, layer.inputs)
                (target + bias).update(from: block + layer.bias, count: layer.outputs)
            }
        }
        return vector
    }

    // MARK: Features

    /// Computes the features of the batch, and no logits.
    func forwardFeatures(rows: Int) { forward(rows: rows, layerCount: layers.count - 1) }

    /// The batch's features, once ``forward(rows:)`` or ``forwardFeatures(rows:)`` was called.
    func featureBatch(rows: Int) -> FeatureBatch {
        FeatureBatch(
            rowCount: rows,
            featureCount: layers[layers.count - 1].inputs,
            stride: layers[layers.count - 1].paddedInputs,
            values: buffers.activations[layers.count - 1]
        )
    }

    var plainFeatureCount: Int { layers[layers.count - 1].inputs }

    func writeFeatures(rows: Int, into out: UnsafeMutablePointer<Float>) {
        let batch = featureBatch(rows: rows)
        for row in 0..<rows {
            (out + row * batch.featureCount).update(from: batch.values + row * batch.stride, count: batch.featureCount)
        }
    }

    /// Adds a gradient with respect to the features to that of the layer's sums: nothing passes where ReLU gave zero.
    func addFeatureGradient(
        _ featureGradient: UnsafePointer<Float>,
        rows: Int,
        to gradient: UnsafeMutablePointer<Float>
    ) {
        let features = featureBatch(rows: rows)
        for element in 0..<(rows * features.stride) {
            gradient[element] += features.values[element] > 0 ? featureGradient[element] : 0
        }
    }

    // MARK: A gradient without a step

    /// Makes room to collect gradients; nothing of an earlier training remains.
    func prepareCollecting() {
        let gradient = collected ?? makeParameterBuffers()
        // Collecting multiplies what was collected before by zero, so it must be finite.
        gradient.values.update(repeating: 0, count: packedCount)
        collected = gradient
        remembered = remembered ?? makeParameterBuffers()
    }

    private var collectedValues: UnsafeMutablePointer<Float> {
        guard let collected else { preconditionFailure("collecting is prepared before it begins") }
        return collected.values
    }

    private var rememberedValues: UnsafeMutablePointer<Float> {
        guard let remembered else { preconditionFailure("collecting is prepared before it begins") }
        return remembered.values
    }

    /// Collects the gradient of the batch's loss, without decay and offset; the parameters stay as they are.
    func collectGradient(rows: Int, featureGradient: UnsafePointer<Float>?) {
        // With a learning rate and a momentum of zero the fused step leaves `v = g` and `w`. The gradient's padding
        // holds what the layers below left there in the step before; a step never sees it, the norm would.
        for row in 0..<DenseKernels.paddedRows(rows) {
            (buffers.gradients[0] + row * logitStride + model.classCount)
                .update(repeating: 0, count: logitStride - model.classCount)
        }
        let (keptVelocity, keptOffset) = (velocity, offset)
        velocity = collected
        offset = nil
        backwardAndStep(rows: rows, learningRate: 0, decay: 0, momentum: 0, featureGradient: featureGradient)
        velocity = keptVelocity
        offset = keptOffset
    }

    /// Keeps the parameters and moves them along the collected gradient.
    ///
    ///     w + radius * g / (||g|| + 1e-12)
    func perturb(radius: Float) {
        rememberedValues.update(from: values, count: packedCount)
        let norm = ck_squared_norm(collectedValues, packedCount).squareRoot()
        ck_axpy(values, collectedValues, Float(Double(radius) / (norm + 1e-12)), packedCount)
    }

    /// Brings the kept parameters back and makes the step of ``backwardAndStep(rows:learningRate:decay:momentum:)``
    /// from them with the collected gradient.
    func restoreAndStep(learningRate: Float, decay: Float, momentum: Float) {
        let gradient = collectedValues
        values.update(from: rememberedValues, count: packedCount)
        if decay != 0 { ck_axpy(gradient, values, decay, packedCount) }
        if let offset { ck_axpy(gradient, offset.values, 1, packedCount) }
        if let velocity {
            ck_scale(velocity.values, momentum, packedCount)
            ck_axpy(velocity.values, gradient, 1, packedCount)
            ck_axpy(values, velocity.values, -learningRate, packedCount)
        } else {
            ck_axpy(values, gradient, -learningRate, packedCount)
        }
    }
}
