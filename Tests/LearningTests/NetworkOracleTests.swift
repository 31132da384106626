// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Layered networks against float64 PyTorch (Oracles/network_oracle.py, whose output lies beside it).
@Suite struct NetworkOracleTests {
    struct Golden: Decodable, Sendable, CustomTestStringConvertible {
        struct Tensor: Decodable, Sendable {
            let name: String
            let shape: [Int]
            let scale: Double
            let delta: [Double]
        }
        let kind: String
        let settings: [String: Double]
        let input: [Int]
        let classes: Int
        let rows: Int
        let tensors: [Tensor]
        let losses: [Double]
        let firstEvaluation: Double
        let evaluation: Double
        let trainingGradient: [Double]
        let evaluationGradient: [Double]

        var testDescription: String { "\(kind) \(settings) \(input)" }

        var model: ModelArchitecture {
            get throws {
                try ModelArchitecture(
                    ModelSpecification(kind: kind, input: input, classes: classes, settings: settings)
                )
            }
        }

        /// Numbers between -1 and 1 that every float holds exactly.
        static func spread(_ count: Int, _ offset: Int) -> [Float] {
            (0..<count).map { Float(($0 * 61 + $0 / 7 * 29 + offset * 17) % 127 - 63) / 64 }
        }

        /// The start that the oracle's `fill` makes.
        func start(_ layout: TensorLayout) -> ParameterVector {
            var elements: [Float] = []
            for (index, tensor) in layout.tensors.enumerated() {
                let shape = tensor.shape.dimensions
                let fan = shape.count > 1 ? tensor.shape.elementCount / shape[0] : 16
                var scale: Float = 1
                while scale * scale * Float(fan) > 4 { scale /= 2 }
                let isAroundOne = tensor.role == .normalization && tensor.name.hasSuffix("weight")
                for value in Self.spread(tensor.shape.elementCount, index) {
                    if isAroundOne || tensor.name.hasSuffix("running_var") {
                        elements.append(1 + value / 4)
                    } else {
                        elements.append(shape.count == 1 ? value / 8 : value * scale)
                    }
                }
            }
            return ParameterVector(elements)
        }

        var samples: Samples {
            let width = input.reduce(1, *)
            let labels = (0..<rows).map { Int32($0 * 2 % classes) }
            guard kind == "gru", let vocabulary = settings["vocabulary"] else {
                return Samples(SampleTable(floats: Self.spread(rows * width, 3), shape: input, labels: labels))
            }
            let characters = (0..<(rows * width)).map { UInt8(($0 * 5 + $0 / 3 * 2) % Int(vocabulary)) }
            return Samples(SampleTable(characters: characters, length: input[0], labels: labels))
        }
    }

    static let cases: [Golden] = {
        let path = "/\(#filePath.split(separator: "/").dropLast().joined(separator: "/"))/Oracles/networks.json"
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return (try? decoder.decode([Golden].self, from: data)) ?? []
    }()

    /// The elements that the oracle keeps of `count`.
    static func picks(_ count: Int, _ most: Int = 24) -> [Int] {
        Array(stride(from: 0, to: count, by: max(1, (count + most - 1) / most)))
    }

    /// One kernel level; nil where this machine lacks it.
    static func kernels(_ level: Int32) -> (DenseKernels, ConvolutionKernels)? {
        guard let dense = DenseKernels(level: level), let convolution = ConvolutionKernels(level: level) else {
            return nil
        }
        return (dense, convolution)
    }

    private static func python(_ arguments: [String]) -> (status: Int32, output: String)? {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        guard (try? process.run()) != nil else { return nil }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    static let hasNumPy = python(["-c", "import numpy"])?.status == 0
    static let noNumPy: Comment = "no NumPy for python3: the fixtures of PyTorch stand without a second opinion"

    @Test(.enabled(if: hasNumPy, noNumPy)) func fixturesAreWhatNumPyComputes() throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let result = try #require(Self.python(["/\(folder)/Oracles/network_numpy.py"]))
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.split(separator: "\n").count == Self.cases.count)
    }

    @Test func fixturesCoverEveryLayeredKind() {
        #expect(Set(Self.cases.map(\.kind)) == Set(NetworkPlan.knownSettings.keys))
    }

    @Test(arguments: cases) func tensorsAreNamedAndShapedAsInPyTorch(_ golden: Golden) throws {
        let layout = try golden.model.layout
        #expect(layout.tensors.map(\.name) == golden.tensors.map(\.name))
        #expect(layout.tensors.map(\.shape.dimensions) == golden.tensors.map(\.shape))
        let start = golden.start(layout)
        for (index, tensor) in golden.tensors.enumerated() {
            let largest = layout.range(of: index).map { abs(start[$0]) }.max() ?? 0
            #expect(abs(Double(largest) - tensor.scale) < 1e-6, "the start of \(tensor.name) is the oracle's")
        }
    }

    @Test(arguments: cases, [0, 1, 2] as [Int32])
    func stepsMatchPyTorch(_ golden: Golden, level: Int32) throws {
        guard let (dense, convolution) = Self.kernels(level) else { return }
        try Self.expectStepsMatchPyTorch(
            golden,
            LocalTrainer(model: try golden.model, kernels: dense, convolution: convolution)
        )
    }

    /// Three steps of a trainer on whatever kernels.
    static func expectStepsMatchPyTorch(_ golden: Golden, _ trainer: LocalTrainer) throws {
        let model = trainer.model
        var parameters = golden.start(model.layout)
        let before = try trainer.evaluate(parameters: parameters, samples: golden.samples)
        #expect(abs(before.lossSum - golden.firstEvaluation) < 2e-5 * golden.firstEvaluation)
        let (delta, outcome) = try trainer.train(
            parameters: parameters,
            samples: golden.samples,
            specification: TrainingSpecification(
                localEpochs: 3,
                batchSize: golden.rows,
                learningRate: 0.125,
                momentum: 0.9,
                weightDecay: 0.01
            ),
            seed: Seed(1)
        )
        let loss = try #require(outcome.meanLoss)
        #expect(abs(loss - golden.losses.reduce(0, +) / 3) < 2e-5)
        for (index, tensor) in golden.tensors.enumerated() {
            let range = model.layout.range(of: index)
            let picks = picks(range.count)
            try #require(picks.count == tensor.delta.count)
            for (pick, expected) in zip(picks, tensor.delta) {
                let found = Double(delta[range.lowerBound + pick])
                #expect(abs(found - expected) < 3e-5 + 2e-4 * abs(expected), "\(tensor.name)[\(pick)]")
            }
        }
        parameters.add(delta)
        let after = try trainer.evaluate(parameters: parameters, samples: golden.samples)
        #expect(abs(after.lossSum - golden.evaluation) < 2e-4 * golden.evaluation)
    }

    @Test(arguments: cases, [true, false])
    func inputGradientsMatchPyTorch(_ golden: Golden, isTraining: Bool) throws {
        let model = try golden.model
        guard golden.kind != "gru", let kernels = DenseKernels() else { return }
        let network = model.makeNetwork(kernels)
        network.load(golden.start(model.layout))
        if isTraining { network.beginTraining(seed: Seed(1)) }
        network.reserve(rows: golden.rows)
        network.gather(golden.samples.table, rows: golden.rows) { UInt32($0) }
        network.forward(rows: golden.rows)
        _ = network.logitBatch(rows: golden.rows).crossEntropy()
        var gradient = [Float](repeating: .nan, count: golden.rows * model.inputCount)
        gradient.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            network.inputGradient(rows: golden.rows, into: base)
        }
        let expected = isTraining ? golden.trainingGradient : golden.evaluationGradient
        for (pick, value) in zip(Self.picks(gradient.count, 60), expected) {
            #expect(abs(Double(gradient[pick]) - value) < 2e-6 + 1e-4 * abs(value), "element \(pick)")
        }
    }
}
