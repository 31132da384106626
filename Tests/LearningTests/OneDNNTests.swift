// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Networks on oneDNN, against PyTorch's numbers and against the own kernels, which other suites hold to finite
/// differences.
@Suite struct OneDNNTests {
    private func network(
        _ model: ModelArchitecture,
        _ kernels: TrainingKernels,
        _ table: SampleTable
    ) throws -> any TrainableNetwork {
        let (dense, convolution) = try #require(NetworkOracleTests.kernels(0))
        let network = model.makeNetwork(dense, convolution: convolution, kernels: kernels)
        network.load(model.initialParameters(seed: Seed(7)))
        network.beginTraining(seed: Seed(1))
        network.prepareCollecting()
        network.reserve(rows: table.count)
        network.gather(table, rows: table.count) { UInt32($0) }
        network.forward(rows: table.count)
        return network
    }

    /// A bound for sums of float products in another order, relative to the largest of a tensor.
    private static let bound: Float = 2e-5

    private func expectGradientsAgree(_ model: ModelArchitecture, _ table: SampleTable) throws {
        let (own, other) = (try network(model, .own, table), try network(model, .onednn, table))
        let losses = [own, other].map { $0.logitBatch(rows: table.count).crossEntropy() }
        #expect(abs(losses[0] - losses[1]) < 1e-5 * max(1, losses[0]))
        let both = [own, other].map { network in
            network.collectGradient(rows: table.count, featureGradient: nil)
            let parameters = network.collectedGradient()
            network.forward(rows: table.count)
            _ = network.logitBatch(rows: table.count).crossEntropy()
            var inputs = [Float](repeating: .nan, count: table.count * model.inputCount)
            inputs.withUnsafeMutableBufferPointer { inputs in
                guard let base = inputs.baseAddress else { return }
                network.inputGradient(rows: table.count, into: base)
            }
            return (inputs: inputs, parameters: parameters)
        }
        for (index, tensor) in model.layout.tensors.enumerated() {
            let range = model.layout.range(of: index)
            let largest = range.map { abs(both[0].parameters[$0]) }.max() ?? 0
            #expect(tensor.role == .buffer || largest > 0, "\(tensor.name) has a gradient")
            let error = range.map { abs(both[0].parameters[$0] - both[1].parameters[$0]) }.max() ?? 0
            #expect(error <= Self.bound * largest + 1e-9, "\(tensor.name): \(error) of \(largest)")
        }
        let largest = both[0].inputs.map(abs).max() ?? 0
        let error = zip(both[0].inputs, both[1].inputs).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= Self.bound * largest, "inputs: \(error) of \(largest)")
    }

    @Test(arguments: PyTorchGradientTests.cases)
    func gradientsOfUsualModelsAreThoseOfTheOwnKernels(_ golden: PyTorchGradientTests.Case) throws {
        try expectGradientsAgree(golden.model, golden.table)
    }

    @Test(arguments: NetworkGradientTests.cases)
    func gradientsOfOddModelsAreThoseOfTheOwnKernels(_ golden: NetworkGradientTests.Case) throws {
        try expectGradientsAgree(golden.model, golden.table)
    }

    @Test(arguments: NetworkOracleTests.cases) func stepsMatchPyTorch(_ golden: NetworkOracleTests.Golden) throws {
        let trainer = try LocalTrainer(model: golden.model, on: .onednn)
        try NetworkOracleTests.expectStepsMatchPyTorch(golden, trainer)
    }

    /// Batches of several sizes, the last of an epoch smaller; the trainer was used before, by another thread too.
    @Test(arguments: ["cnn", "resnet", "mlp"]) func whatATrainerDidBeforeChangesNoBit(_ kind: String) throws {
        let model = try ModelArchitecture(
            ModelSpecification(kind: kind, input: [14, 14], classes: 10, hidden: kind == "mlp" ? [33] : [])
        )
        var generator = SeededGenerator(seed: Seed(3))
        let bytes = (0..<(23 * model.inputCount)).map { _ in UInt8(generator.below(256)) }
        let samples = Samples(SampleTable(bytes: bytes, shape: [14, 14], labels: (0..<23).map { Int32($0 % 10) }))
        let start = model.initialParameters(seed: Seed(1))
        @Sendable func train(_ trainer: LocalTrainer, batchSize: Int) throws -> ParameterVector {
            let training = TrainingSpecification(localEpochs: 2, batchSize: batchSize, learningRate: 0.05)
            return try trainer.train(parameters: start, samples: samples, specification: training, seed: Seed(9)).delta
        }
        let fresh = try train(LocalTrainer(model: model, on: .onednn), batchSize: 9)
        let used = try LocalTrainer(model: model, on: .onednn)
        _ = try train(used, batchSize: 16)
        _ = try used.evaluate(parameters: start, samples: samples)
        nonisolated(unsafe) let moved = used  // This thread leaves it alone until the other has finished.
        nonisolated(unsafe) var result: ParameterVector?  // Written by the other thread, read once it has finished.
        let thread = Thread { result = try? train(moved, batchSize: 9) }
        thread.start()
        while !thread.isFinished { usleep(1_000) }
        #expect(result?.elements.map(\.bitPattern) == fresh.elements.map(\.bitPattern))
    }

    /// What oneDNN's formats add to the weights takes part in nothing, and stays zero.
    @Test func packedParametersComeBackAsTheyWere() throws {
        for golden in NetworkGradientTests.cases {
            let model = try golden.model
            let (dense, convolution) = try #require(NetworkOracleTests.kernels(0))
            let network = try #require(
                model.makeNetwork(dense, convolution: convolution, kernels: .onednn) as? LayeredNetwork
            )
            let start = model.initialParameters(seed: Seed(4))
            network.load(start)
            #expect(network.currentParameters().elements == start.elements)
            let packed = UnsafeBufferPointer(start: network.values, count: network.packedCount)
            #expect(packed.filter { $0 != 0 }.count == start.elements.filter { $0 != 0 }.count)
            network.reserve(rows: golden.rows)
            network.beginTraining(seed: Seed(2))
            network.gather(golden.table, rows: golden.rows) { UInt32($0) }
            network.forward(rows: golden.rows)
            _ = network.logitBatch(rows: golden.rows).crossEntropy()
            network.backwardAndStep(rows: golden.rows, learningRate: 0.1, decay: 0.1, momentum: 0)
            let after = UnsafeBufferPointer(start: network.values, count: network.packedCount)
            let values = network.currentParameters().elements
            #expect(after.filter { $0 != 0 }.count == values.filter { $0 != 0 }.count)
        }
    }

    @Test func layersOfDenseModelsAreTimed() throws {
        let model = try ModelArchitecture(
            ModelSpecification(kind: "mlp", input: [28, 28], classes: 10, hidden: [5])
        )
        let probe = try LayerProbe(
            model: model,
            parameters: model.initialParameters(seed: Seed(1)),
            samples: Samples(TrainingArithmeticTests.images),
            on: .onednn
        )
        var ticks = 0
        let timings = probe.measure(lasting: .milliseconds(2)) {
            ticks += 1
            return .milliseconds(ticks)
        }
        let names = ["forward 784 x 5", "forward 5 x 10", "backward 5 x 10", "backward 784 x 5"]
        #expect(timings.map(\.name) == names)
        #expect(timings.reduce(0) { $0 + $1.flopsPerSample } == model.trainingFlopsPerSample)
    }
}

#endif
