// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness
import Testing

@testable import Learning

/// The kernels of every instruction set against the element-by-element reference.
@Suite struct DenseKernelTests {
    /// Sizes below, at and above those of lanes, tiles, blocks of inputs and panels; batches with a remainder.
    static let shapes: [(rows: Int, inputs: Int, outputs: Int)] = [
        (1, 1, 2), (4, 5, 3), (7, 16, 16), (10, 60, 10), (5, 17, 33), (12, 50, 48), (33, 31, 49), (3, 129, 64),
        (32, 48, 100), (9, 97, 208), (6, 20, 209), (2, 15, 430), (65, 18, 50), (70, 7, 210),
    ]

    private func check(_ values: [Float], _ expected: [Float], level: Int32, _ what: String) {
        if level > 0 {
            #expect(values.map(\.bitPattern) == expected.map(\.bitPattern), "\(what), level \(level)")
        } else {
            // Without fused multiply-add each term is rounded twice.
            let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 2e-5, "\(what), level \(level)")
        }
    }

    /// Sets the sign of zeros aside: the sparse products promise all bits but that.
    private func withoutSignOfZero(_ values: [Float]) -> [Float] { values.map { $0 == 0 ? 0 : $0 } }

    private func layers(_ level: Int32, density: Double) -> [KernelLayer] {
        guard let kernels = DenseKernels(level: level) else { return [] }
        return Self.shapes.enumerated().map { index, shape in
            let reference = DenseReference(
                rows: shape.rows,
                inputs: shape.inputs,
                outputs: shape.outputs,
                density: density,
                seed: UInt64(index)
            )
            return KernelLayer(reference, kernels)
        }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func forwardIsTheOrderedSum(level: Int32) {
        for layer in layers(level, density: 0.9) {
            let (reference, padded) = (layer.reference, layer.padded)
            for relu in [false, true] {
                layer.kernels.forward(
                    layer.x,
                    padded.inputs,
                    layer.weights,
                    layer.bias,
                    layer.y,
                    padded.rows,
                    reference.inputs,
                    reference.outputs,
                    relu ? 1 : 0
                )
                let y = layer.matrix(layer.y, columns: reference.outputs, stride: padded.outputs)
                check(y, reference.forward(relu: relu), level: level, "forward of \(padded)")
            }
        }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func inputGradientIsTheOrderedSum(level: Int32) {
        for layer in layers(level, density: 0.9) {
            let (reference, padded) = (layer.reference, layer.padded)
            layer.kernels.inputGradient(
                layer.gradient,
                layer.weights,
                layer.x,
                layer.inputGradient,
                layer.scratch,
                padded.rows,
                reference.inputs,
                reference.outputs
            )
            let dx = layer.matrix(layer.inputGradient, columns: reference.inputs, stride: padded.inputs)
            check(dx, reference.inputGradient(), level: level, "input gradient of \(padded)")
        }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func sparseForwardIsTheOrderedSum(level: Int32) {
        for density in [0.0, 0.2, 0.7] {
            for layer in layers(level, density: density) {
                let (reference, padded) = (layer.reference, layer.padded)
                for relu in [false, true] {
                    layer.kernels.sparseForward(
                        layer.x,
                        padded.inputs,
                        layer.weights,
                        layer.bias,
                        layer.y,
                        padded.rows,
                        reference.inputs,
                        reference.outputs,
                        relu ? 1 : 0
                    )
                    let y = layer.matrix(layer.y, columns: reference.outputs, stride: padded.outputs)
                    check(
                        withoutSignOfZero(y),
                        withoutSignOfZero(reference.forward(relu: relu)),
                        level: level,
                        "sparse forward of \(padded)"
                    )
                }
            }
        }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func stepsOfTheWeightsAreTheOrderedSum(level: Int32) {
        let steps = [
            ckt_step(learning_rate: 0.1, decay: 0, momentum: 0),
            ckt_step(learning_rate: 0.1, decay: 0.01, momentum: 0.9),
        ]
        for density in [0.15, 0.8] {
            for layer in layers(level, density: density) {
                for step in steps { checkSteps(layer, step, level: level) }
            }
        }
    }

    /// Dense and sparse, from the same weights, velocity and offset.
    private func checkSteps(_ layer: KernelLayer, _ step: ckt_step, level: Int32) {
        let (reference, padded) = (layer.reference, layer.padded)
        let other = DenseReference(
            rows: 1,
            inputs: reference.inputs,
            outputs: reference.outputs,
            density: 1,
            seed: 99
        ).weights
        let isPlain = step.momentum == 0
        let expected = reference.step(step, velocity: isPlain ? nil : other, offset: isPlain ? nil : other)
        let count = layer.kernels.columnMasks(layer.x, padded.inputs, layer.masks, padded.rows, reference.inputs)
        #expect(count == reference.x.count { $0 != 0 })
        for isSparse in [false, true] {
            let weights = layer.packed(reference.weights)
            let velocity = isPlain ? nil : layer.packed(other)
            let offset = isPlain ? nil : layer.packed(other)
            withUnsafePointer(to: step) { step in
                if isSparse {
                    layer.kernels.sparseUpdateWeights(
                        layer.x,
                        padded.inputs,
                        layer.masks,
                        layer.gradient,
                        weights.values,
                        velocity?.values,
                        offset?.values,
                        step,
                        padded.rows,
                        reference.inputs,
                        reference.outputs
                    )
                } else {
                    layer.kernels.updateWeights(
                        layer.x,
                        padded.inputs,
                        layer.gradient,
                        weights.values,
                        velocity?.values,
                        offset?.values,
                        step,
                        padded.rows,
                        reference.inputs,
                        reference.outputs
                    )
                }
            }
            let what = "step of \(padded), sparse \(isSparse), plain \(isPlain)"
            check(layer.unpacked(weights.values), expected.weights, level: level, what)
            if let velocity, let expected = expected.velocity {
                check(layer.unpacked(velocity.values), expected, level: level, "velocity, " + what)
            }
        }
    }

    @Test func plainSparseStepsKeepZerosWithTheirSign() throws {
        for level: Int32 in 0...2 {
            guard let kernels = DenseKernels(level: level) else { continue }
            var reference = DenseReference(rows: 8, inputs: 40, outputs: 50, density: 0.1, seed: 4)
            for index in stride(from: 0, to: reference.weights.count, by: 3) { reference.weights[index] = -0.0 }
            for index in stride(from: 1, to: reference.weights.count, by: 3) { reference.weights[index] = 0 }
            let layer = KernelLayer(reference, kernels)
            var results: [[Float]] = []
            _ = kernels.columnMasks(layer.x, layer.padded.inputs, layer.masks, layer.padded.rows, 40)
            withUnsafePointer(to: ckt_step(learning_rate: 0.1, decay: 0, momentum: 0)) { step in
                let dense = layer.packed(reference.weights)
                kernels.updateWeights(
                    layer.x,
                    layer.padded.inputs,
                    layer.gradient,
                    dense.values,
                    nil,
                    nil,
                    step,
                    layer.padded.rows,
                    40,
                    50
                )
                let sparse = layer.packed(reference.weights)
                kernels.sparseUpdateWeights(
                    layer.x,
                    layer.padded.inputs,
                    layer.masks,
                    layer.gradient,
                    sparse.values,
                    nil,
                    nil,
                    step,
                    layer.padded.rows,
                    40,
                    50
                )
                results = [layer.unpacked(dense.values), layer.unpacked(sparse.values)]
            }
            #expect(results[0].map(\.bitPattern) == results[1].map(\.bitPattern))
        }
    }

    @Test func multiplyAddsAreCounted() throws {
        for level: Int32 in 0...2 {
            guard let kernels = DenseKernels(level: level) else { continue }
            let lanes: Double = [4, 8, 16][Int(level)]
            #expect(kernels.multiplyAdds(1000) == 24 * lanes * 1000)
        }
    }
}
