// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// The step that each layer makes, against central differences of a double-precision loss; see ``NetworkReference``.
@Suite struct NetworkGradientTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let kind: String
        let input: [Int]
        let settings: [String: Double]
        let rows: Int
        var classes = 3

        var testDescription: String { "\(kind) \(settings.sorted { $0.key < $1.key }.map(\.key)) \(input)" }

        var model: ModelArchitecture {
            get throws {
                try ModelArchitecture(
                    ModelSpecification(kind: kind, input: input, classes: classes, settings: settings)
                )
            }
        }

        var table: SampleTable {
            var generator = SeededGenerator(seed: Seed(UInt64(rows)))
            let labels = (0..<rows).map { _ in Int32(generator.below(classes)) }
            let width = input.reduce(1, *)
            guard let vocabulary = settings["vocabulary"] else {
                let features = (0..<(rows * width)).map { _ in Float(generator.normal()) }
                return SampleTable(floats: features, shape: input, labels: labels)
            }
            let text = (0..<(rows * width)).map { _ in UInt8(generator.below(Int(vocabulary))) }
            return SampleTable(characters: text, length: width, labels: labels)
        }
    }

    // All forms of the convolution's gradients (the network's input in runs, few outputs in patches, many by lists, no
    // pooling), positions in pairs and alone, odd extents, strides, shortcuts, one row and several, dropout.
    static let cases = [
        Case(kind: "cnn", input: [9, 8], settings: ["width": 3, "dense": 5], rows: 3),
        Case(kind: "cnn", input: [2, 8, 8], settings: ["width": 16, "dense": 4], rows: 2),
        Case(kind: "lenet", input: [16, 18], settings: [:], rows: 3),
        Case(kind: "lenet", input: [17, 17], settings: ["width": 9], rows: 2),
        Case(kind: "lenet", input: [3, 16, 16], settings: ["width": 4], rows: 2),
        Case(kind: "small-cnn", input: [3, 8, 9], settings: ["width": 4, "dropout": 0], rows: 3),
        Case(kind: "small-cnn", input: [8, 8], settings: ["width": 3, "dropout": 0.4], rows: 5),
        Case(kind: "resnet", input: [2, 7, 6], settings: ["width": 3, "depth": 8], rows: 3),
        Case(kind: "gru", input: [5], settings: ["vocabulary": 7, "embedding": 3, "width": 4], rows: 3),
        Case(kind: "gru", input: [3], settings: ["vocabulary": 18, "embedding": 17, "width": 18], rows: 1),
    ]

    /// The network of a level with a batch and its logits' gradient.
    private func prepared(_ golden: Case, level: Int32) throws -> LayeredNetwork? {
        guard let (dense, convolution) = NetworkOracleTests.kernels(level) else { return nil }
        let model = try golden.model
        let network = try #require(model.makeNetwork(dense, convolution: convolution) as? LayeredNetwork)
        network.load(model.initialParameters(seed: Seed(5)))
        network.beginTraining(seed: Seed(2))
        network.reserve(rows: golden.rows)
        network.gather(golden.table, rows: golden.rows) { UInt32($0) }
        network.forward(rows: golden.rows)
        return network
    }

    /// The factors that a network's dropout drew; where its input is zero any factor does.
    private func factors(_ network: LayeredNetwork, node: Int, rate: Double, rows: Int) -> [Double] {
        let shape = network.plan.nodes[node].shape
        let (x, y) = (network.buffers.outputs[network.plan.nodes[node].inputs[0]], network.buffers.outputs[node])
        return (0..<(rows * shape.count)).map { index in
            let (row, channel) = (index / shape.count, index % shape.count / (shape.height * shape.width))
            let pixel = index % (shape.height * shape.width)
            func value(_ buffer: ImageBuffer) -> Float {
                buffer.image(row)[
                    pixel / shape.width * buffer.rowStride + pixel % shape.width * buffer.pixelStride + channel
                ]
            }
            return value(y) == 0 && value(x) != 0 ? 0 : 1 / (1 - rate)
        }
    }

    private func reference(_ golden: Case, like network: LayeredNetwork) throws -> NetworkReference {
        var reference = try #require(NetworkReference(golden.model))
        for node in network.plan.nodes.indices {
            guard case .dropout(let rate) = network.plan.nodes[node].operation else { continue }
            reference.dropout[node] = factors(network, node: node, rate: rate, rows: golden.rows)
        }
        return reference
    }

    @Test(arguments: cases, [0, 1, 2] as [Int32])
    func gradientsOfAllTensorsMatchFiniteDifferences(_ golden: Case, level: Int32) throws {
        guard let network = try prepared(golden, level: level) else { return }
        let reference = try reference(golden, like: network)
        let (model, table) = (network.model, golden.table)
        let start = model.initialParameters(seed: Seed(5))
        let w = start.elements.map(Double.init)
        let loss = network.logitBatch(rows: golden.rows).crossEntropy() / Double(golden.rows)
        #expect(abs(loss - reference.loss(w, table)) < 1e-5)
        network.backwardAndStep(rows: golden.rows, learningRate: 1, decay: 0, momentum: 0)
        var delta = ParameterVector(zeros: start.count)
        delta.withMutableElements { network.writeDifference(from: start, into: $0) }
        for tensor in model.layout.tensors.indices where model.layout.tensors[tensor].role != .buffer {
            let range = model.layout.range(of: tensor)
            for index in stride(from: range.lowerBound, to: range.upperBound, by: max(1, range.count / 6)) {
                var (up, down) = (w, w)
                up[index] += 1e-6
                down[index] -= 1e-6
                let numeric = (reference.loss(up, table) - reference.loss(down, table)) / 2e-6
                let found = -Double(delta[index])
                #expect(
                    abs(found - numeric) < 5e-6 + 2e-5 * abs(numeric),
                    "\(model.layout.tensors[tensor].name)[\(index - range.lowerBound)], level \(level)"
                )
            }
        }
    }

    @Test(arguments: cases.filter { $0.kind != "gru" }, [true, false])
    func inputGradientsMatchFiniteDifferences(_ golden: Case, isTraining: Bool) throws {
        let network = try #require(try prepared(golden, level: 0))
        if !isTraining {
            network.load(network.model.initialParameters(seed: Seed(5)))
            network.forward(rows: golden.rows)
        }
        var reference = try reference(golden, like: network)
        reference.isTraining = isTraining
        let table = golden.table
        let w = network.model.initialParameters(seed: Seed(5)).elements.map(Double.init)
        _ = network.logitBatch(rows: golden.rows).crossEntropy()
        let count = golden.rows * network.model.inputCount
        var gradient = [Float](repeating: .nan, count: count)
        gradient.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { network.inputGradient(rows: golden.rows, into: base) }
        }
        let features = (0..<table.count).flatMap { table.features(of: $0) }
        for index in stride(from: 0, to: count, by: count / 9) {
            // A power of two, so that the shifted values are exact in float.
            let losses = [Float(0x1p-14), -0x1p-14].map { shift in
                var moved = features
                moved[index] = features[index] + shift
                let other = SampleTable(floats: moved, shape: golden.input, labels: table.labels)
                return (loss: reference.loss(w, other), place: Double(moved[index]))
            }
            let numeric = (losses[0].loss - losses[1].loss) / (losses[0].place - losses[1].place)
            #expect(abs(Double(gradient[index]) - numeric) < 5e-6 + 1e-4 * abs(numeric), "element \(index)")
        }
    }

    @Test(arguments: cases.filter { $0.kind == "small-cnn" || $0.kind == "resnet" })
    func runningStatisticsMoveByATenth(_ golden: Case) throws {
        let network = try #require(try prepared(golden, level: 0))
        let reference = try reference(golden, like: network)
        let (model, table) = (network.model, golden.table)
        let start = model.initialParameters(seed: Seed(5))
        let values = reference.values(start.elements.map(Double.init), table)
        let now = network.currentParameters()
        for node in network.plan.nodes {
            guard case .batchNorm = node.operation else { continue }
            let (mean, variance) = reference.statistics(values[node.inputs[0]], node.shape, rows: golden.rows)
            let count = Double(golden.rows * node.shape.height * node.shape.width)
            let places = (2...3).map { model.layout.range(of: node.firstTensor + $0).lowerBound }
            #expect(model.layout.tensors[node.firstTensor + 2].role == .buffer)
            #expect(model.layout.tensors[node.firstTensor + 3].role == .buffer)
            for channel in 0..<node.shape.channels {
                #expect(abs(Double(now[places[0] + channel]) - 0.1 * mean[channel]) < 1e-6)
                let expected = 0.9 + 0.1 * variance[channel] * count / (count - 1)
                #expect(abs(Double(now[places[1] + channel]) - expected) < 1e-5 * expected)
            }
        }
    }

    /// The numbers of parameters and statistics are those of the PyTorch modules in Oracles/network_oracle.py.
    @Test(
        arguments: [
            ("cnn", [28, 28], 1_663_370), ("cnn", [3, 32, 32], 2_156_490), ("lenet", [28, 28], 44_426),
            ("lenet", [3, 32, 32], 62_006), ("small-cnn", [28, 28], 9_170), ("small-cnn", [3, 32, 32], 11_714),
            ("resnet", [28, 28], 78_426), ("resnet", [3, 32, 32], 78_714),
        ]
    )
    func imagesOfTheUsualSizesTrain(kind: String, input: [Int], elements: Int) throws {
        let model = try ModelArchitecture(ModelSpecification(kind: kind, input: input, classes: 10))
        #expect(model.layout.elementCount == elements && model.inputCount == input.reduce(1, *))
        var generator = SeededGenerator(seed: Seed(3))
        let bytes = (0..<(2 * model.inputCount)).map { _ in UInt8(generator.below(256)) }
        let samples = Samples(SampleTable(bytes: bytes, shape: input, labels: [3, 9]))
        let trainer = LocalTrainer(model: model)
        var parameters = model.initialParameters(seed: Seed(1))
        let specification = TrainingSpecification(localEpochs: 3, batchSize: 2, learningRate: 0.01)
        let before = try trainer.evaluate(parameters: parameters, samples: samples)
        let training = try trainer.train(
            parameters: parameters,
            samples: samples,
            specification: specification,
            seed: Seed(1)
        )
        parameters.add(training.delta)
        let after = try trainer.evaluate(parameters: parameters, samples: samples)
        #expect(before.lossSum.isFinite && after.lossSum < before.lossSum)
    }

    @Test func negativeVariancesEvaluateAsZero() throws {
        let golden = Self.cases[2]
        let trainer = LocalTrainer(model: try golden.model)
        var parameters = trainer.model.initialParameters(seed: Seed(5))
        let variances = trainer.model.layout.tensors.indices.filter {
            trainer.model.layout.tensors[$0].name.hasSuffix("running_var")
        }
        let losses = try [Float(-0.5), 0].map { value in
            for index in variances.flatMap({ Array(trainer.model.layout.range(of: $0)) }) { parameters[index] = value }
            return try trainer.evaluate(parameters: parameters, samples: Samples(golden.table)).lossSum
        }
        #expect(losses[0] == losses[1] && losses[0].isFinite)
    }

    @Test func dropoutKeepsItsShareAndNothingInEvaluation() throws {
        let golden = Case(kind: "small-cnn", input: [16, 16], settings: ["width": 16, "dropout": 0.25], rows: 16)
        let network = try #require(try prepared(golden, level: 0))
        let node = try #require(
            network.plan.nodes.firstIndex {
                if case .dropout = $0.operation { true } else { false }
            }
        )
        let shape = network.plan.nodes[node].shape
        let outputs = network.buffers.outputs
        let values = golden.rows * shape.count
        func read(_ node: Int) -> [Float] {
            let buffer = outputs[node]
            return (0..<values).map { buffer.image($0 / shape.count)[$0 % shape.count] }
        }
        // 16 and 32 channels are their own padding, so that the values of a sample are one run.
        let (x, y) = (read(node - 1), read(node))
        let alive = x.indices.filter { x[$0] != 0 }
        let dropped = Double(alive.filter { y[$0] == 0 }.count) / Double(alive.count)
        #expect(alive.count > 2000 && abs(dropped - 0.25) < 0.03)
        for index in alive where y[index] != 0 { #expect(abs(y[index] - x[index] / 0.75) <= 1e-6 * x[index]) }
        network.load(network.model.initialParameters(seed: Seed(5)))
        network.forward(rows: golden.rows)
        #expect(read(node) == read(node - 1))
    }
}
