// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Gradients with methods on networks whose sizes are not multiples of the padding: MOON against finite differences,
/// FedSAM against two passes.
@Suite struct StepMethodsTests {
    private func table(rows: Int, input: Int, classes: Int) -> SampleTable {
        var generator = SeededGenerator(seed: Seed(UInt64(rows)))
        let features = (0..<(rows * input)).map { _ in Float(generator.normal()) }
        let labels = (0..<rows).map { _ in Int32(generator.below(classes)) }
        return SampleTable(floats: features, shape: [input], labels: labels)
    }

    /// A ReLU network's outputs up to a layer, in double.
    private func outputs(_ w: [Double], _ model: ModelArchitecture, _ input: [Float], layers: Int) -> [Double] {
        var values = input.map(Double.init)
        for (index, layer) in model.layers.prefix(layers).enumerated() {
            let weight = model.layout.range(of: 2 * index).lowerBound
            let bias = model.layout.range(of: 2 * index + 1).lowerBound
            values = (0..<layer.outputs).map { output in
                var sum = w[bias + output]
                for input in 0..<layer.inputs { sum += w[weight + output * layer.inputs + input] * values[input] }
                return index < model.layers.count - 1 ? max(0, sum) : sum
            }
        }
        return values
    }

    private func cosine(_ left: [Double], _ right: [Double]) -> Double {
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let norms = (dot(left, left) * dot(right, right)).squareRoot()
        return norms < 1e-8 ? 0 : dot(left, right) / norms
    }

    private func contrastiveLoss(
        _ w: [Double],
        _ model: ModelArchitecture,
        _ table: SampleTable,
        _ global: [Double],
        _ previous: [Double],
        mu: Double,
        temperature: Double
    ) -> Double {
        var total = 0.0
        for sample in 0..<table.count {
            let input = table.features(of: sample)
            let logits = outputs(w, model, input, layers: model.layers.count)
            total += log(logits.reduce(0) { $0 + exp($1) }) - logits[Int(table.labels[sample])]
            let z = outputs(w, model, input, layers: model.layers.count - 1)
            let toward = exp(cosine(z, outputs(global, model, input, layers: model.layers.count - 1)) / temperature)
            let away = exp(cosine(z, outputs(previous, model, input, layers: model.layers.count - 1)) / temperature)
            total -= mu * log(toward / (toward + away))
        }
        return total / Double(table.count)
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func contrastiveGradientsMatchFiniteDifferences(level: Int32) throws {
        guard let kernels = DenseKernels(level: level) else { return }
        for (hidden, rows) in [([6], 3), ([20, 9], 17)] {
            let model = try ModelArchitecture(ModelSpecification(input: [4], classes: 3, hidden: hidden))
            let table = table(rows: rows, input: 4, classes: 3)
            let start = model.initialParameters(seed: Seed(5))
            let global = model.initialParameters(seed: Seed(6))
            let previous = model.initialParameters(seed: Seed(7))
            let trainer = LocalTrainer(model: model, kernels: kernels)
            let outcome = try trainer.run(
                from: start,
                samples: Samples(table),
                specification: TrainingSpecification(batchSize: rows, learningRate: 1),
                plan: StepPlan(
                    objective: CrossEntropyObjective(),
                    contrast: StepPlan.Contrast(global: global, previous: previous, mu: 1.5, temperature: 0.4),
                    epochs: 1
                ),
                seed: Seed(1),
                onStep: { _ in true }
            )
            let step = trainer.network.currentParameters().subtracting(start)
            func loss(_ w: [Double]) -> Double {
                contrastiveLoss(
                    w,
                    model,
                    table,
                    global.elements.map(Double.init),
                    previous.elements.map(Double.init),
                    mu: 1.5,
                    temperature: Double(Float(0.4))
                )
            }
            let w = start.elements.map(Double.init)
            #expect(abs(try #require(outcome.meanLoss) - loss(w)) < 1e-5)
            for index in stride(from: 0, to: w.count, by: max(1, w.count / 60)) {
                var (up, down) = (w, w)
                up[index] += 1e-6
                down[index] -= 1e-6
                let numeric = (loss(up) - loss(down)) / 2e-6
                #expect(abs(-Double(step[index]) - numeric) < 5e-6, "element \(index) of \(hidden)")
            }
        }
    }

    @Test func featuresOfZeroNormAreNoNaN() throws {
        let model = try ModelArchitecture(ModelSpecification(input: [4], classes: 3, hidden: [6]))
        let samples = Samples(table(rows: 8, input: 4, classes: 3))
        let alive = model.initialParameters(seed: Seed(5))
        let dead = ParameterVector(zeros: alive.count)
        for (start, global, previous) in [(dead, alive, alive), (alive, dead, alive), (alive, alive, dead)] {
            let trainer = LocalTrainer(model: model)
            let outcome = try trainer.run(
                from: start,
                samples: samples,
                specification: TrainingSpecification(batchSize: 8, learningRate: 0.1),
                plan: StepPlan(
                    objective: CrossEntropyObjective(),
                    contrast: StepPlan.Contrast(global: global, previous: previous, mu: 1, temperature: 0.5),
                    epochs: 2
                ),
                seed: Seed(1),
                onStep: { _ in true }
            )
            #expect(outcome.steps == 2 && trainer.network.currentParameters().isFinite)
        }
    }

    @Test(arguments: [0, 1, 2] as [Int32]) func sharpnessAwareStepsEqualTwoPasses(level: Int32) throws {
        guard let kernels = DenseKernels(level: level) else { return }
        let model = try ModelArchitecture(ModelSpecification(input: [17], classes: 5, hidden: [33, 20]))
        let samples = Samples(table(rows: 19, input: 17, classes: 5))
        let start = model.initialParameters(seed: Seed(5))
        let trainer = LocalTrainer(model: model, kernels: kernels)
        /// One full-batch step: with a learning rate of 1 the change is minus the gradient.
        func step(
            from parameters: ParameterVector,
            rate: Double = 1,
            _ settings: [String: Double]
        ) throws
            -> ParameterVector
        {
            try trainer.train(
                parameters: parameters,
                samples: samples,
                specification: TrainingSpecification(batchSize: 19, learningRate: rate, settings: settings),
                seed: Seed(1)
            ).delta
        }
        let radius = 0.3
        let gradient = try step(from: start, [:])
        var climbed = start
        climbed.add(gradient, scale: Float(-radius / gradient.squaredNorm.squareRoot()))
        var expected = try step(from: climbed, [:])
        expected.scale(by: 0.2)
        let found = try step(from: start, rate: 0.2, ["sam_rho": radius])
        let distance = found.subtracting(expected).squaredNorm.squareRoot()
        #expect(distance < 1e-5 * expected.squaredNorm.squareRoot())
        // The two gradients differ by far more than that.
        var plain = gradient
        plain.scale(by: 0.2)
        #expect(found.subtracting(plain).squaredNorm.squareRoot() > 0.01 * expected.squaredNorm.squareRoot())
    }
}
