// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness

@testable import Learning

/// A dense layer's products element by element, as their header defines them: the oracle of all kernels.
///
/// Sums run in order and each term is a fused multiply-add, so kernels of machines that have it must give these bits.
struct DenseReference {
    let rows: Int
    let inputs: Int
    let outputs: Int
    /// `[rows][inputs]`, `[outputs][inputs]`, `[outputs]`, `[rows][outputs]`.
    var x: [Float]
    var weights: [Float]
    var bias: [Float]
    var gradient: [Float]

    /// Random values; `density` is the share of inputs that are not zero.
    init(rows: Int, inputs: Int, outputs: Int, density: Double, seed: UInt64) {
        var generator = SeededGenerator(seed: Seed(seed))
        func values(_ count: Int, _ density: Double = 1) -> [Float] {
            (0..<count).map { _ in
                generator.uniform() < density ? 2 * generator.uniformFloat() - 1 : 0
            }
        }
        self.rows = rows
        self.inputs = inputs
        self.outputs = outputs
        x = values(rows * inputs, density)
        weights = values(outputs * inputs)
        bias = values(outputs)
        gradient = values(rows * outputs)
    }

    func forward(relu: Bool) -> [Float] {
        var y: [Float] = []
        for row in 0..<rows {
            for output in 0..<outputs {
                var sum = bias[output]
                for input in 0..<inputs {
                    sum.addProduct(x[row * inputs + input], weights[output * inputs + input])
                }
                y.append(relu && sum < 0 ? 0 : sum)
            }
        }
        return y
    }

    /// The gradient with respect to x where x is positive.
    func inputGradient() -> [Float] {
        var result: [Float] = []
        for row in 0..<rows {
            for input in 0..<inputs {
                var sum: Float = 0
                for output in 0..<outputs {
                    sum.addProduct(weights[output * inputs + input], gradient[row * outputs + output])
                }
                result.append(x[row * inputs + input] > 0 ? sum : 0)
            }
        }
        return result
    }

    /// The weights and velocity after a step.
    func step(_ step: ckt_step, velocity: [Float]?, offset: [Float]?) -> (weights: [Float], velocity: [Float]?) {
        var (weights, velocity) = (weights, velocity)
        for output in 0..<outputs {
            for input in 0..<inputs {
                let at = output * inputs + input
                var sum: Float = 0
                for row in 0..<rows { sum.addProduct(x[row * inputs + input], gradient[row * outputs + output]) }
                sum.addProduct(step.decay, weights[at])
                if let offset { sum += offset[at] }
                if let old = velocity?[at] {
                    sum.addProduct(step.momentum, old)
                    velocity?[at] = sum
                }
                weights[at].addProduct(-step.learning_rate, sum)
            }
        }
        return (weights, velocity)
    }
}

/// A layer's buffers in the kernels' layout.
final class KernelLayer {
    let reference: DenseReference
    let kernels: DenseKernels
    let padded: (rows: Int, inputs: Int, outputs: Int)
    private let arena: FloatArena
    let x: UnsafeMutablePointer<Float>
    let y: UnsafeMutablePointer<Float>
    let weights: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let inputGradient: UnsafeMutablePointer<Float>
    let scratch: UnsafeMutablePointer<Float>
    let masks: UnsafeMutablePointer<UInt32>

    init(_ reference: DenseReference, _ kernels: DenseKernels) {
        self.reference = reference
        self.kernels = kernels
        padded = (
            DenseKernels.paddedRows(reference.rows), DenseKernels.padded(reference.inputs),
            DenseKernels.padded(reference.outputs)
        )
        let batch = DenseKernels.padded(reference.rows)
        let (wide, narrow) = (batch * padded.inputs, batch * padded.outputs)
        let words = ColumnMasks.wordCount(rows: padded.rows, paddedInputs: padded.inputs)
        let sizes = [
            wide, narrow, padded.inputs * padded.outputs, padded.outputs, narrow, wide, wide + narrow, words,
        ]
        arena = FloatArena(capacity: sizes.map(FloatArena.footprint).reduce(0, +))
        x = arena.take(wide)
        y = arena.take(narrow)
        weights = arena.take(padded.inputs * padded.outputs)
        bias = arena.take(padded.outputs)
        gradient = arena.take(narrow)
        inputGradient = arena.take(wide)
        scratch = arena.take(wide + narrow)
        masks = UnsafeMutableRawPointer(arena.take(words)).bindMemory(to: UInt32.self, capacity: words)
        for row in 0..<reference.rows {
            for input in 0..<reference.inputs {
                x[row * padded.inputs + input] = reference.x[row * reference.inputs + input]
            }
            for output in 0..<reference.outputs {
                gradient[row * padded.outputs + output] = reference.gradient[row * reference.outputs + output]
            }
        }
        kernels.pack(reference.weights, reference.outputs, reference.inputs, weights)
        bias.update(from: reference.bias, count: reference.outputs)
    }

    /// A packed copy of `[outputs][inputs]`; the caller keeps the arena.
    func packed(_ values: [Float]) -> (values: UnsafeMutablePointer<Float>, arena: FloatArena) {
        let arena = FloatArena(capacity: FloatArena.footprint(padded.inputs * padded.outputs))
        let target = arena.take(padded.inputs * padded.outputs)
        kernels.pack(values, reference.outputs, reference.inputs, target)
        return (target, arena)
    }

    func unpacked(_ values: UnsafePointer<Float>) -> [Float] {
        var result = [Float](repeating: 0, count: reference.outputs * reference.inputs)
        kernels.unpackDifference(values, nil, &result, reference.outputs, reference.inputs)
        return result
    }

    /// The first columns of a padded matrix.
    func matrix(_ values: UnsafePointer<Float>, columns: Int, stride: Int) -> [Float] {
        (0..<reference.rows).flatMap { row in (0..<columns).map { values[row * stride + $0] } }
    }
}
