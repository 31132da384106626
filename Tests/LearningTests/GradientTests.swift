// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// The gradient that one step applies, against central differences of an independent double-precision loss.
@Suite struct GradientTests {
    /// Mean cross-entropy of a ReLU network, plus mu / 2 ||w - start||^2, in double and element by element.
    private func loss(
        _ w: [Double],
        model: ModelArchitecture,
        table: SampleTable,
        mu: Double,
        start: [Double]
    ) -> Double {
        var total = 0.0
        for sample in 0..<table.count {
            var values = table.features(of: sample).map(Double.init)
            for (index, layer) in model.layers.enumerated() {
                let weight = model.layout.range(of: 2 * index).lowerBound
                let bias = model.layout.range(of: 2 * index + 1).lowerBound
                values = (0..<layer.outputs).map { output in
                    var sum = w[bias + output]
                    for input in 0..<layer.inputs { sum += w[weight + output * layer.inputs + input] * values[input] }
                    return index < model.layers.count - 1 ? max(0, sum) : sum
                }
            }
            let largest = values.max() ?? 0
            let sum = values.map { exp($0 - largest) }.reduce(0, +)
            total += log(sum) + largest - values[Int(table.labels[sample])]
        }
        let distance = zip(w, start).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
        return total / Double(table.count) + mu / 2 * distance
    }

    private func check(
        hidden: [Int],
        input: Int,
        classes: Int,
        rows: Int,
        objective: any LocalObjective,
        mu: Double,
        level: Int32
    ) throws {
        guard let kernels = DenseKernels(level: level) else { return }
        let model = try ModelArchitecture(ModelSpecification(input: [input], classes: classes, hidden: hidden))
        var generator = SeededGenerator(seed: Seed(UInt64(rows)))
        let features = (0..<(rows * input)).map { _ in Float(generator.normal()) }
        let labels = (0..<rows).map { _ in Int32(generator.below(classes)) }
        let table = SampleTable(floats: features, shape: [input], labels: labels)
        let parameters = model.initialParameters(seed: Seed(5))
        // The pull is towards another point than the one where the gradient is taken.
        let anchor = model.initialParameters(seed: Seed(6))
        let anchored = Anchored(base: objective, anchor: anchor)
        let trainer = LocalTrainer(model: model, kernels: kernels)
        let (delta, _) = try trainer.train(
            parameters: parameters,
            samples: Samples(table),
            specification: TrainingSpecification(batchSize: rows, learningRate: 1),
            objective: anchored,
            seed: Seed(1)
        )
        let w = parameters.elements.map(Double.init)
        let start = anchor.elements.map(Double.init)
        // Every element of small tensors, every few of the larger ones: the independent loss is slow.
        let checked = model.layout.tensors.indices.flatMap { tensor in
            let range = model.layout.range(of: tensor)
            return stride(from: range.lowerBound, to: range.upperBound, by: max(1, range.count / 40))
        }
        for index in checked {
            var up = w
            var down = w
            up[index] += 1e-6
            down[index] -= 1e-6
            let numeric =
                (loss(up, model: model, table: table, mu: mu, start: start)
                    - loss(down, model: model, table: table, mu: mu, start: start)) / 2e-6
            #expect(abs(-Double(delta[index]) - numeric) < 3e-6, "element \(index) of hidden \(hidden), level \(level)")
        }
    }

    /// Forwards to another objective with a fixed anchor in the place of the round's start.
    private struct Anchored: LocalObjective {
        let base: any LocalObjective
        let anchor: ParameterVector
        func lossAndGradient(_ batch: LogitBatch) -> Double { base.lossAndGradient(batch) }
        func parameterTerm(start: ParameterVector) -> ParameterTerm? { base.parameterTerm(start: anchor) }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func gradientsOfAllTensorsMatchFiniteDifferences(level: Int32) throws {
        // Sizes around the padding: below, at and above 16, and panels of 16, 32 and 48 outputs.
        for (hidden, input, classes, rows) in [
            ([], 5, 3, 7), ([6], 5, 3, 1), ([16], 17, 2, 5), ([20, 9], 3, 4, 17), ([70], 4, 3, 6), ([49], 33, 2, 20),
        ] {
            try check(
                hidden: hidden,
                input: input,
                classes: classes,
                rows: rows,
                objective: CrossEntropyObjective(),
                mu: 0,
                level: level
            )
        }
    }

    @Test func proximalGradientMatchesFiniteDifferences() throws {
        for level: Int32 in 0...2 {
            try check(
                hidden: [7],
                input: 6,
                classes: 3,
                rows: 5,
                objective: ProximalObjective(mu: 0.3),
                mu: Double(Float(0.3)),
                level: level
            )
        }
    }
}
