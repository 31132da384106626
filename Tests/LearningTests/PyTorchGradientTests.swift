// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Gradients of models of usual sizes against PyTorch's autograd in float64 (Oracles/gradients_torch.py), computed
/// anew by the Python that `TRIBUTARY_PYTHON` names, or `python3`.
@Suite struct PyTorchGradientTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let kind: String
        let input: [Int]
        var hidden: [Int] = []
        var settings: [String: Double] = [:]
        var rows = 32
        var classes = 10

        var testDescription: String { name }

        var model: ModelArchitecture {
            get throws {
                let hidden = kind == "mlp" ? hidden : []
                return try ModelArchitecture(
                    ModelSpecification(kind: kind, input: input, classes: classes, hidden: hidden, settings: settings)
                )
            }
        }

        /// Images with the zeros that real ones have, or characters.
        var table: SampleTable {
            var generator = SeededGenerator(seed: Seed(UInt64(rows + input[0])))
            let labels = (0..<rows).map { _ in Int32(generator.below(classes)) }
            let width = input.reduce(1, *)
            if kind == "gru" {
                let text = (0..<(rows * width)).map { _ in UInt8(generator.below(classes)) }
                return SampleTable(characters: text, length: width, labels: labels)
            }
            let features = (0..<(rows * width)).map { _ in
                generator.below(3) == 0 ? 0 : Float(generator.normal())
            }
            return SampleTable(floats: features, shape: input, labels: labels)
        }
    }

    static let cases = [
        Case(name: "softmax", kind: "softmax", input: [28, 28]),
        Case(name: "mlp", kind: "mlp", input: [28, 28], hidden: [200, 200]),
        Case(name: "cnn", kind: "cnn", input: [28, 28], settings: ["width": 32, "dense": 128]),
        Case(name: "narrow-cnn", kind: "cnn", input: [3, 20, 19], settings: ["width": 8, "dense": 33], rows: 17),
        Case(name: "lenet", kind: "lenet", input: [28, 28], rows: 64),
        Case(name: "lenet-colour", kind: "lenet", input: [3, 32, 32]),
        Case(name: "small-cnn", kind: "small-cnn", input: [28, 28], settings: ["dropout": 0]),
        Case(name: "resnet", kind: "resnet", input: [3, 16, 16], settings: ["depth": 8]),
        Case(name: "resnet-14", kind: "resnet", input: [15, 14], settings: ["depth": 14, "width": 8], rows: 9),
        Case(name: "gru", kind: "gru", input: [20], settings: ["width": 48], rows: 16, classes: 31),
    ]

    /// Where the cases lie; nil where there is no PyTorch, or it failed.
    private static let folder = TorchFolder(cases)
    static var hasTorch: Bool { python(["-c", "import torch, numpy"])?.status == 0 }
    static let noTorch: Comment =
        "SKIPPED: no PyTorch for TRIBUTARY_PYTHON or python3 (pip install torch numpy): gradients stand on the fixtures"

    fileprivate static func python(_ arguments: [String]) -> (status: Int32, output: String)? {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [ProcessInfo.processInfo.environment["TRIBUTARY_PYTHON"] ?? "python3"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        guard (try? process.run()) != nil else { return nil }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    @Test(.enabled(if: hasTorch, noTorch), arguments: cases)
    func gradientsAreThoseOfAutograd(_ golden: Case) throws {
        let folder = try #require(Self.folder)
        #expect(folder.output == "")
        let expected = try #require(folder.gradient(of: golden), "PyTorch computed \(golden.name)")
        let (model, table) = (try golden.model, golden.table)
        for level in [0, 1, 2] as [Int32] {
            guard let (dense, convolution) = NetworkOracleTests.kernels(level) else { continue }
            let network = model.makeNetwork(dense, convolution: convolution)
            network.load(model.initialParameters(seed: Seed(7)))
            network.beginTraining(seed: Seed(1))
            network.prepareCollecting()
            network.reserve(rows: golden.rows)
            network.gather(table, rows: golden.rows) { UInt32($0) }
            network.forward(rows: golden.rows)
            let loss = network.logitBatch(rows: golden.rows).crossEntropy() / Double(golden.rows)
            #expect(abs(loss - expected[0]) < 1e-6 * max(1, expected[0]))
            network.collectGradient(rows: golden.rows, featureGradient: nil)
            let found = network.collectedGradient()
            try #require(expected.count == found.count + 1)
            for (index, tensor) in model.layout.tensors.enumerated() {
                let range = model.layout.range(of: index)
                let largest = range.map { abs(expected[$0 + 1]) }.max() ?? 0
                #expect(tensor.role == .buffer || largest > 0, "\(tensor.name) has a gradient")
                let error = range.map { abs(Double(found[$0]) - expected[$0 + 1]) }.max() ?? 0
                #expect(error <= 1e-5 * largest + 1e-9, "\(tensor.name), level \(level): \(error) of \(largest)")
            }
        }
    }

    /// The cases as files, and what PyTorch makes of them.
    fileprivate final class TorchFolder: Sendable {
        private let path: String
        let output: String

        private struct Description: Encodable {
            let kind: String
            let input: [Int]
            let classes: Int
            let hidden: [Int]
            let settings: [String: Double]
            let labels: [Int32]
        }

        init?(_ cases: [Case]) {
            path = NSTemporaryDirectory() + "tributary-torch-\(UUID().uuidString)"
            let oracles = "/\(#filePath.split(separator: "/").dropLast().joined(separator: "/"))/Oracles"
            do {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                for golden in cases { try Self.write(golden, to: "\(path)/\(golden.name)") }
            } catch { return nil }
            guard let result = PyTorchGradientTests.python(["\(oracles)/gradients_torch.py", path]) else { return nil }
            output = result.output
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        private static func write(_ golden: Case, to path: String) throws {
            let (model, table) = (try golden.model, golden.table)
            let description = Description(
                kind: golden.kind,
                input: golden.input,
                classes: golden.classes,
                hidden: golden.hidden,
                settings: golden.settings,
                labels: table.labels
            )
            var text = String(decoding: try JSONEncoder().encode(description), as: UTF8.self)
            // By hand: the order of the tensors is compared too.
            let shapes = model.layout.tensors.map { "\"\($0.name)\": \($0.shape.dimensions)" }
            text = "\(text.dropLast()), \"tensors\": {\(shapes.joined(separator: ", "))}}"
            try text.write(toFile: "\(path).json", atomically: true, encoding: .utf8)
            var values = model.initialParameters(seed: Seed(7)).elements
            for sample in 0..<table.count { values += table.features(of: sample) }
            try values.withUnsafeBytes { try Data($0).write(to: URL(filePath: "\(path).f32")) }
        }

        func gradient(of golden: Case) -> [Double]? {
            guard let data = FileManager.default.contents(atPath: "\(path)/\(golden.name).f64") else { return nil }
            return data.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
        }
    }
}
