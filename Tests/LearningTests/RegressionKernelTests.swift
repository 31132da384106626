// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness
import Testing

/// Steps of a softmax regression in one call have the bits of the kernels for layers of any size.
@Suite struct RegressionKernelTests {
    private struct Task {
        let inputs: Int
        let classes: Int
        let batch: Int
        let samples: Int
        var steps = 1_000
        let data: [Float]
        let labels: [Int32]
        let order: [UInt32]
        /// Packed weights and, behind them, the bias.
        let start: [Float]

        var paddedInputs: Int { (inputs + 15) / 16 * 16 }

        init(_ generator: inout SeededGenerator, inputs: Int, classes: Int, batch: Int, samples: Int) {
            (self.inputs, self.classes, self.batch, self.samples) = (inputs, classes, batch, samples)
            data = (0..<(40 * inputs)).map { _ in Float(generator.normal()) }
            labels = (0..<40).map { _ in Int32(generator.below(classes)) }
            order = (0..<samples).map { _ in UInt32(generator.below(40)) }
            let padded = (inputs + 15) / 16 * 16
            start = (0..<((padded + 1) * 16)).map { at in
                let isUsed = at % 16 < classes && (at < inputs * 16 || at >= padded * 16)
                return isUsed ? Float(0.3 * generator.normal()) : 0
            }
        }

        /// The same with features that are not finite in one of the samples, the `position`-th that is taken.
        init(poisoned task: Task, sample position: Int) {
            (inputs, classes, batch, samples) = (task.inputs, task.classes, task.batch, task.samples)
            (labels, start, steps) = (task.labels, task.start, task.steps)
            order = (0..<UInt32(task.samples)).map { $0 }
            var data = task.data
            data[position * task.inputs] = .infinity
            self.data = data
        }

        /// One batch after the other, product by product.
        func layerByLayer(_ kernels: ckt_kernels) -> (parameters: [Float], loss: Double, failed: Int) {
            var (parameters, sum, step) = (start, 0.0, ckt_step(learning_rate: 0.1, decay: 0, momentum: 0))
            let (bias, stride) = (paddedInputs * 16, paddedInputs)
            for (number, first) in Swift.stride(from: 0, to: samples, by: batch).enumerated() where number < steps {
                let rows = min(batch, samples - first)
                let padded = (rows + 3) / 4 * 4
                var x = [Float](repeating: 0, count: padded * stride)
                for row in 0..<rows {
                    for input in 0..<inputs { x[row * stride + input] = data[Int(order[first + row]) * inputs + input] }
                }
                var logits = [Float](repeating: 0, count: padded * 16)
                var (probabilities, gradient) = (logits, logits)
                let chosen = order[first..<(first + rows)].map { labels[Int($0)] }
                let loss = parameters.withUnsafeMutableBufferPointer { all in
                    kernels.forward(
                        x,
                        stride,
                        all.baseAddress,
                        all.baseAddress! + bias,
                        &logits,
                        padded,
                        inputs,  // not empty
                        classes,
                        0
                    )
                    return ckt_softmax_cross_entropy(
                        logits,
                        &probabilities,
                        &gradient,
                        16,
                        rows,
                        padded,
                        classes,
                        chosen,
                        1 / Float(rows)
                    )
                }
                guard loss.isFinite else { return (parameters, sum, number + 1) }
                sum += loss
                parameters.withUnsafeMutableBufferPointer { all in
                    kernels.update_weights(
                        x,
                        stride,
                        gradient,
                        all.baseAddress,
                        nil,
                        nil,
                        &step,
                        padded,
                        inputs,
                        classes
                    )
                    kernels.update_bias(
                        gradient,
                        all.baseAddress! + bias,
                        nil,
                        nil,
                        &step,
                        padded,
                        classes
                    )  // not empty
                }
            }
            return (parameters, sum, 0)
        }

        func inOneCall(_ kernels: ckt_kernels) -> (parameters: [Float], loss: Double, failed: Int) {
            var (parameters, sum, failed) = (start, 0.0, 0)
            let paddedBatch = (batch + 15) / 16 * 16
            var rows = [Float](repeating: .nan, count: paddedBatch * inputs)
            var gradient = [Float](repeating: .nan, count: paddedBatch * 16)
            parameters.withUnsafeMutableBufferPointer { all in
                rows.withUnsafeMutableBufferPointer { rows in
                    gradient.withUnsafeMutableBufferPointer { gradient in
                        data.withUnsafeBufferPointer { data in
                            labels.withUnsafeBufferPointer { labels in
                                var model = ckt_regression(
                                    data: data.baseAddress,
                                    labels: labels.baseAddress,
                                    inputs: inputs,
                                    classes: classes,
                                    weights: all.baseAddress,
                                    bias: all.baseAddress.map { $0 + paddedInputs * 16 },
                                    rows: rows.baseAddress,
                                    gradient: gradient.baseAddress,
                                    learning_rate: 0.1
                                )
                                failed = kernels.softmax_steps(&model, order, samples, batch, steps, &sum)
                            }
                        }
                    }
                }
            }
            return (parameters, sum, failed)
        }
    }

    @Test(arguments: [0, 1, 2]) func oneCallHasTheBitsOfTheLayerKernels(level: Int32) throws {
        guard let kernels = ckt_kernels_for(level)?.pointee else { return }
        var generator = SeededGenerator(seed: Seed(5))
        var sizes = [(60, 10, 10, 20), (3, 2, 1, 5), (16, 16, 16, 33), (17, 7, 40, 90), (90, 13, 33, 35)]
        for _ in 0..<15 {
            sizes.append(
                (
                    1 + generator.below(70), 2 + generator.below(15), 1 + generator.below(40), 1 + generator.below(60)
                )
            )
        }
        for (inputs, classes, batch, samples) in sizes {
            var task = Task(&generator, inputs: inputs, classes: classes, batch: batch, samples: samples)
            if samples > 2 * batch { task.steps = 2 }
            let (expected, found) = (task.layerByLayer(kernels), task.inOneCall(kernels))
            #expect(found.parameters.map(\.bitPattern) == expected.parameters.map(\.bitPattern))
            #expect(found.loss == expected.loss && found.failed == 0 && expected.failed == 0)
        }
    }

    @Test func theStepThatDivergesIsTold() throws {
        let kernels = try #require(ckt_kernels_best()?.pointee)
        var generator = SeededGenerator(seed: Seed(6))
        var task = Task(&generator, inputs: 20, classes: 3, batch: 4, samples: 12)
        #expect(task.inOneCall(kernels).failed == 0)
        // The second batch of four.
        task = Task(poisoned: task, sample: 6)
        #expect(task.inOneCall(kernels).failed == 2)
        #expect(
            task.inOneCall(kernels).parameters.map(\.bitPattern)
                == task.layerByLayer(kernels).parameters.map(\.bitPattern)
        )
    }
}
