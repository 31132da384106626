// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import Testing

@testable import Learning

@Suite struct ModelSessionTests {
    static func model(_ kind: String, hidden: [Int] = [5]) throws -> ModelArchitecture {
        try ModelArchitecture(
            ModelSpecification(
                kind: kind,
                input: [6, 6],
                classes: 3,
                hidden: hidden,
                settings: kind == "small-cnn" ? ["width": 2, "dropout": 0] : [:]
            )
        )
    }

    static func table(_ rows: Int) -> SampleTable {
        var generator = SeededGenerator(seed: Seed(3))
        return SampleTable(
            floats: (0..<(rows * 36)).map { _ in generator.uniformFloat() },
            shape: [6, 6],
            labels: (0..<rows).map { Int32($0 % 3) }
        )
    }

    /// The mean cross-entropy, by the network's own evaluation.
    static func loss(_ model: ModelArchitecture, _ parameters: ParameterVector, _ table: SampleTable) throws -> Double {
        let outcome = try LocalTrainer(model: model).evaluate(parameters: parameters, samples: Samples(table))
        return outcome.lossSum / Double(table.count)
    }

    @Test(arguments: ["small-cnn", "mlp", "softmax"])
    func gradientsAreDifferencesOfTheLoss(_ kind: String) throws {
        let model = try Self.model(kind)
        let parameters = model.initialParameters(seed: Seed(1))
        let table = Self.table(5)
        let session = try ModelSession(model: model)
        try session.load(parameters)
        try session.forward(table, rows: 0..<5)
        session.objective { $0.crossEntropy() }
        let inputs = session.inputGradient()
        let gradient = session.parameterGradient()
        #expect(gradient.count == parameters.count && inputs.count == 5 * 36)
        let step: Float = 1e-2
        for element in stride(from: 0, to: parameters.count, by: max(parameters.count / 12, 1)) {
            // Statistics have no gradient.
            let tensor = model.layout.tensors.indices.first { model.layout.range(of: $0).contains(element) } ?? 0
            guard model.layout.tensors[tensor].role != .buffer else {
                #expect(gradient[element] == 0)
                continue
            }
            let moved = try [step, -step].map { step in
                var copy = parameters
                copy.withMutableElements { $0[element] += step }
                return try Self.loss(model, copy, table)
            }
            #expect(abs((moved[0] - moved[1]) / Double(2 * step) - Double(gradient[element])) < 3e-3)
        }
        for element in stride(from: 0, to: 180, by: 17) {
            let moved = try [step, -step].map { step in
                var values = (0..<5).flatMap { table.features(of: $0) }
                values[element] += step
                return try Self.loss(
                    model,
                    parameters,
                    SampleTable(floats: values, shape: [6, 6], labels: table.labels)
                )
            }
            #expect(abs((moved[0] - moved[1]) / Double(2 * step) - Double(inputs[element])) < 3e-3)
        }
    }

    /// With three layers and more, a pass comes back to the memory that it began with.
    @Test(arguments: [("small-cnn", []), ("mlp", [5]), ("mlp", [5, 4]), ("mlp", [7, 20, 6])])
    func bothGradientsTogetherAreThoseOneByOne(kind: String, hidden: [Int]) throws {
        let model = try Self.model(kind, hidden: hidden)
        let session = try ModelSession(model: model)
        try session.load(model.initialParameters(seed: Seed(1)))
        try session.forward(Self.table(4), rows: 0..<4)
        func begin() {
            session.objective { batch in
                for index in 0..<(4 * batch.stride) { batch.gradient[index] = index % batch.stride == 1 ? 0.5 : 0 }
                return 0
            }
        }
        begin()
        let parameters = session.parameterGradient()
        begin()
        let inputs = session.inputGradient()
        #expect(session.parameterGradient() == parameters && parameters.squaredNorm > 0)
        begin()
        let together = session.gradients()
        #expect(together.inputs == inputs && inputs.contains { $0 != 0 })
        #expect(together.parameters == parameters)
    }

    /// The gradient of `<direction, features>`, against finite differences.
    @Test func aGradientAtTheFeaturesReachesTheParameters() throws {
        let model = try Self.model("mlp")
        let parameters = model.initialParameters(seed: Seed(1))
        let session = try ModelSession(model: model)
        let direction = (0..<(3 * session.featureCount)).map { Float($0 % 5) - 2 }
        func product(_ values: ParameterVector) throws -> Double {
            try session.load(values)
            try session.forward(Self.table(4), rows: 0..<3)
            return zip(session.features, direction).reduce(0) { $0 + Double($1.0 * $1.1) }
        }
        _ = try product(parameters)
        session.objective { _ in 0 }
        let gradient = session.parameterGradient(featureGradient: direction)
        for element in stride(from: 0, to: parameters.count, by: 23) {
            let moved = try [Float(1e-3), -1e-3].map { step in
                var copy = parameters
                copy.withMutableElements { $0[element] += step }
                return try product(copy)
            }
            #expect(abs((moved[0] - moved[1]) / 2e-3 - Double(gradient[element])) < 2e-2)
        }
    }

    @Test func theLastLayerMultipliesTheFeatures() throws {
        for kind in ["small-cnn", "mlp"] {
            let model = try Self.model(kind)
            let parameters = model.initialParameters(seed: Seed(1))
            let session = try ModelSession(model: model)
            try session.load(parameters)
            try session.forward(Self.table(4), rows: 1..<4)
            let (features, logits, width) = (session.features, session.logits, session.featureCount)
            let count = model.layout.tensors.count
            let weight = parameters.section(model.layout.range(of: count - 2))
            let bias = parameters.section(model.layout.range(of: count - 1))
            for row in 0..<3 {
                for index in 0..<3 {
                    let sum = (0..<width).reduce(bias[index]) {
                        $0 + weight[index * width + $1] * features[row * width + $1]
                    }
                    #expect(abs(sum - logits[row * 3 + index]) < 1e-4)
                }
            }
        }
    }

    @Test func batchStatisticsAreThoseOfTheFirstConvolution() throws {
        let model = try Self.model("small-cnn")
        let parameters = model.initialParameters(seed: Seed(1))
        let table = Self.table(4)
        let session = try ModelSession(model: model)
        try session.load(parameters, statistics: .batch)
        try session.forward(table, rows: 0..<4)
        let measured = session.batchStatistics()
        let mean = measured.section(model.layout.range(of: try #require(model.layout.index(named: "bn1.running_mean"))))
        let variance = measured.section(
            model.layout.range(of: try #require(model.layout.index(named: "bn1.running_var")))
        )
        let weight = parameters.section(model.layout.range(of: try #require(model.layout.index(named: "conv1.weight"))))
        for channel in 0..<2 {
            let values = (0..<4).flatMap { sample in
                let image = table.features(of: sample)
                return (0..<36).map { pixel in
                    var sum = 0.0
                    for kernel in 0..<9 {
                        let (row, column) = (pixel / 6 + kernel / 3 - 1, pixel % 6 + kernel % 3 - 1)
                        guard (0..<6).contains(row), (0..<6).contains(column) else { continue }
                        sum += Double(image[row * 6 + column] * weight[channel * 9 + kernel])
                    }
                    return sum
                }
            }
            let average = values.reduce(0, +) / Double(values.count)
            let spread = values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(values.count - 1)
            #expect(abs(average - Double(mean[channel])) < 1e-4)
            #expect(abs(spread - Double(variance[channel])) < 1e-4)
        }
        #expect(measured.section(model.layout.range(of: 0)) == parameters.section(model.layout.range(of: 0)))
    }

    @Test func parametersAndRowsOfAnotherModelAreRefused() throws {
        let session = try ModelSession(model: try Self.model("mlp"))
        #expect(throws: LearningError.self) { try session.load(ParameterVector(zeros: 3)) }
        try session.load(try Self.model("mlp").initialParameters(seed: Seed(1)))
        let other = SampleTable(floats: [1, 2], shape: [2], labels: [0])
        #expect(throws: LearningError.self) { try session.forward(other, rows: 0..<1) }
        #expect(throws: LearningError.self) {
            try ModelSession(model: try ModelArchitecture(ModelSpecification(kind: "vector", elements: 4)))
        }
    }
}
