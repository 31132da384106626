// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness
import Testing

@testable import Learning

/// The kernels of large dense layers: the way back in one pass, columns asked for ahead.
@Suite struct DenseBackwardTests {
    private func layer(_ rows: Int, _ inputs: Int, _ outputs: Int, level: Int32) -> KernelLayer? {
        guard let kernels = DenseKernels(level: level) else { return nil }
        let reference = DenseReference(rows: rows, inputs: inputs, outputs: outputs, density: 0.9, seed: 4)
        return KernelLayer(reference, kernels)
    }

    @Test(arguments: DenseKernelTests.shapes, [0, 1, 2] as [Int32])
    func onePassHasTheBitsOfTwo(_ shape: (rows: Int, inputs: Int, outputs: Int), level: Int32) {
        guard let layer = layer(shape.rows, shape.inputs, shape.outputs, level: level) else { return }
        let (reference, padded, kernels) = (layer.reference, layer.padded, layer.kernels)
        let count = padded.inputs * padded.outputs
        for var step in [
            ckt_step(learning_rate: 0.1, decay: 0, momentum: 0),
            ckt_step(learning_rate: 0.1, decay: 0.01, momentum: 0.9),
        ] {
            let isPlain = step.momentum == 0
            let blocks = (0..<2).map { _ in
                (
                    weights: layer.packed(reference.weights), velocity: layer.packed(reference.weights),
                    offset: layer.packed(reference.weights)
                )
            }
            typealias Floats = UnsafeMutablePointer<Float>
            let both: [(Floats, Floats?, Floats?)] = blocks.map {
                isPlain ? ($0.weights.values, nil, nil) : ($0.weights.values, $0.velocity.values, $0.offset.values)
            }
            let (rows, inputs, outputs) = (padded.rows, reference.inputs, reference.outputs)
            kernels.inputGradient(
                layer.gradient,
                both[0].0,
                layer.x,
                layer.inputGradient,
                layer.scratch,
                rows,
                inputs,
                outputs
            )
            let expected = layer.matrix(layer.inputGradient, columns: inputs, stride: padded.inputs)
            kernels.updateWeights(
                layer.x,
                padded.inputs,
                layer.gradient,
                both[0].0,
                both[0].1,
                both[0].2,
                &step,
                rows,
                inputs,
                outputs
            )
            layer.inputGradient.update(repeating: .nan, count: rows * padded.inputs)
            kernels.backward(
                layer.x,
                padded.inputs,
                layer.gradient,
                both[1].0,
                both[1].1,
                both[1].2,
                &step,
                layer.x,
                layer.inputGradient,
                layer.scratch,
                rows,
                inputs,
                outputs
            )
            let found = layer.matrix(layer.inputGradient, columns: inputs, stride: padded.inputs)
            #expect(found.map(\.bitPattern) == expected.map(\.bitPattern))
            let pairs =
                [(both[0].0, both[1].0)] + (isPlain ? [] : [(blocks[0].velocity.values, blocks[1].velocity.values)])
            for (first, second) in pairs {
                let areEqual = (0..<count).allSatisfy { first[$0].bitPattern == second[$0].bitPattern }
                #expect(areEqual)
            }
        }
    }

    /// 1,030 x 256 weights are more than what a layer asks ahead from; 4 rows at a time never do.
    @Test(arguments: [0, 1, 2] as [Int32]) func askingAheadChangesNothing(level: Int32) {
        guard let layer = layer(20, 1_030, 256, level: level) else { return }
        let (padded, kernels) = (layer.padded, layer.kernels)
        func forward(from row: Int, rows: Int) {
            kernels.forward(
                layer.x + row * padded.inputs,
                padded.inputs,
                layer.weights,
                layer.bias,
                layer.y + row * padded.outputs,
                rows,
                1_030,
                256,
                1
            )
        }
        forward(from: 0, rows: 20)
        let whole = layer.matrix(layer.y, columns: 256, stride: padded.outputs)
        layer.y.update(repeating: .nan, count: 20 * padded.outputs)
        for row in stride(from: 0, to: 20, by: 4) { forward(from: row, rows: 4) }
        let parts = layer.matrix(layer.y, columns: 256, stride: padded.outputs)
        #expect(whole.map(\.bitPattern) == parts.map(\.bitPattern) && whole.contains { $0 > 0 })
    }
}
