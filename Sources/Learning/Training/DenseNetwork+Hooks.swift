// SPDX-License-Identifier: Apache-2.0

internal import Randomness

extension DenseNetwork: TrainableNetwork {
    var evaluationRows: Int { 256 }

    func makeSibling() -> any TrainableNetwork { DenseNetwork(model, kernels: kernels) }

    /// Nothing: dense layers compute the same in training and evaluation.
    func beginTraining(seed: Seed) {}

    func inputGradient(rows: Int, into out: UnsafeMutablePointer<Float>) {
        let buffers = buffers
        let padded = DenseKernels.paddedRows(rows)
        let first = layers[0]
        // The kernel passes a gradient where its input was positive, which is ReLU's rule; the inputs have no ReLU.
        let batch = DenseKernels.padded(rows)
        let ones = FloatArena(capacity: FloatArena.footprint(batch * first.paddedInputs))
        let passing = ones.take(batch * first.paddedInputs)
        passing.update(repeating: 1, count: batch * first.paddedInputs)
        let scratch = FloatArena(
            capacity: batch * (first.paddedInputs * 2 + first.paddedOutputs + logitStride)
        )
        let result = scratch.take(batch * first.paddedInputs)
        let work = scratch.take(batch * (first.paddedInputs + first.paddedOutputs))
        // Layers use two buffers in turns: the third writes to that of the logits' gradient, which a step may need.
        let logitGradient = scratch.take(batch * logitStride)
        logitGradient.update(from: buffers.gradients[0], count: padded * logitStride)
        defer { buffers.gradients[0].update(from: logitGradient, count: padded * logitStride) }
        for index in stride(from: layers.count - 1, through: 0, by: -1) {
            let layer = layers[index]
            kernels.inputGradient(
                buffers.gradients[(layers.count - 1 - index) % 2],
                values + layer.weight,
                index > 0 ? buffers.activations[index] : passing,
                index > 0 ? buffers.gradients[(layers.count - index) % 2] : result,
                index > 0 ? buffers.scratch : work,
                padded,
                layer.inputs,
                layer.outputs
            )
        }
        for row in 0..<rows {
            (out + row * first.inputs).update(from: result + row * first.paddedInputs, count: first.inputs)
        }
    }
}
