// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import ModelState

extension LayeredNetwork: TrainableNetwork {
    var hasFeatures: Bool { featureNode > 0 }

    /// An image's features are counted with the zeros that round its channels up.
    func featureBatch(rows: Int) -> FeatureBatch {
        let buffer = buffers.outputs[featureNode]
        let isImage = buffer.layout.height * buffer.layout.width > 1
        return FeatureBatch(
            rowCount: rows,
            featureCount: isImage ? buffer.imageStride : buffer.layout.channels,
            stride: buffer.imageStride,
            values: buffer.base
        )
    }

    var plainFeatureCount: Int { plan.nodes[featureNode].shape.count }

    func writeFeatures(rows: Int, into out: UnsafeMutablePointer<Float>) {
        let shape = plan.nodes[featureNode].shape
        let features = buffers.outputs[featureNode]
        for row in 0..<rows {
            ckl_scatter_floats(
                features.image(row),
                features.rowStride,
                features.pixelStride,
                shape.channels,
                shape.height,
                shape.width,
                out + row * shape.count
            )
        }
    }

    /// The node that the last layer multiplies.
    private var featureNode: Int { plan.nodes[plan.last].inputs[0] }

    func backwardAndStep(
        rows: Int,
        learningRate: Float,
        decay: Float,
        momentum: Float,
        featureGradient: UnsafePointer<Float>?
    ) {
        let step = ParameterStep(
            settings: ckt_step(learning_rate: learningRate, decay: decay, momentum: momentum),
            velocity: velocity?.values,
            offset: offset.map { UnsafePointer($0.values) }
        )
        backward(rows: rows, step: step, featureGradient: featureGradient, reachesInput: false)
    }

    private func backward(
        rows: Int,
        step: ParameterStep?,
        featureGradient: UnsafePointer<Float>?,
        reachesInput: Bool
    ) {
        let pass = BackwardPass(buffers: buffers, rows: rows, values: values, step: step, reachesInput: reachesInput)
        for (index, layer) in layers.enumerated().reversed() {
            layer.backward(pass)
            if index == layers.count - 1, let featureGradient {
                let gradient = buffers.gradients[featureNode]
                ck_axpy(gradient.base, featureGradient, 1, rows * gradient.imageStride)
            }
        }
    }

    func inputGradient(rows: Int, into out: UnsafeMutablePointer<Float>) {
        let shape = plan.nodes[0].shape
        if case .recurrent = plan.nodes[1].operation {
            // Characters are no numbers.
            out.update(repeating: 0, count: rows * shape.count)
            return
        }
        buffers.reserveInputGradient()
        backward(rows: rows, step: nil, featureGradient: nil, reachesInput: true)
        writeInputGradient(rows: rows, into: out)
    }

    private func writeInputGradient(rows: Int, into out: UnsafeMutablePointer<Float>) {
        let shape = plan.nodes[0].shape
        let gradient = buffers.gradients[0]
        for row in 0..<rows {
            ckl_scatter_floats(
                gradient.image(row),
                gradient.rowStride,
                gradient.pixelStride,
                shape.channels,
                shape.height,
                shape.width,
                out + row * shape.count
            )
        }
    }

    // MARK: A gradient without a step

    func prepareCollecting() {
        let gradient = collected ?? makeBlock()
        // Collecting multiplies what was collected before by zero, so it must be finite.
        gradient.values.update(repeating: 0, count: packedCount)
        collected = gradient
        remembered = remembered ?? makeBlock()
    }

    private var collecting: (gradient: Block, parameters: Block) {
        guard let collected, let remembered else { preconditionFailure("collecting is prepared before it begins") }
        return (collected, remembered)
    }

    func collectGradient(rows: Int, featureGradient: UnsafePointer<Float>?) {
        backward(rows: rows, step: collectingStep, featureGradient: featureGradient, reachesInput: false)
    }

    func collectGradients(rows: Int, inputs: UnsafeMutablePointer<Float>) {
        if case .recurrent = plan.nodes[1].operation {
            inputGradient(rows: rows, into: inputs)
            return collectGradient(rows: rows, featureGradient: nil)
        }
        buffers.reserveInputGradient()
        backward(rows: rows, step: collectingStep, featureGradient: nil, reachesInput: true)
        writeInputGradient(rows: rows, into: inputs)
    }

    /// With a learning rate and a momentum of zero a step leaves `v = g` and `w`.
    private var collectingStep: ParameterStep {
        ParameterStep(
            settings: ckt_step(learning_rate: 0, decay: 0, momentum: 0),
            velocity: collecting.gradient.values,
            offset: nil
        )
    }

    func collectedGradient() -> ParameterVector { unpacked(collecting.gradient.values) }

    /// Keeps the parameters and moves them by `radius` along the collected gradient:
    ///
    ///     w + radius * g / (||g|| + 1e-12)
    func perturb(radius: Float) {
        let (gradient, kept) = collecting
        kept.values.update(from: values, count: packedCount)
        let norm = ck_squared_norm(gradient.values, packedCount).squareRoot()
        ck_axpy(values, gradient.values, Float(Double(radius) / (norm + 1e-12)), packedCount)
    }

    /// Running statistics come back too: they follow the unperturbed parameters only.
    func restoreAndStep(learningRate: Float, decay: Float, momentum: Float) {
        let (gradient, kept) = collecting
        values.update(from: kept.values, count: packedCount)
        var settings = ckt_step(learning_rate: learningRate, decay: decay, momentum: momentum)
        for layer in layers {
            let (place, count) = (layer.packedOffset, layer.trainedCount)
            ckl_step(
                values + place,
                gradient.values + place,
                velocity.map { $0.values + place },
                offset.map { UnsafePointer($0.values + place) },
                &settings,
                count
            )
        }
    }
}
