// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// How uncertain a model is of a client's samples, against the formula in Foundation's arithmetic.
@Suite struct LocalTrainerUncertaintyTests {
    static let table = GlyphSet(seed: Seed(9)).table(.train, count: 90)
    static let models = [
        ModelSpecification(kind: "mlp", hidden: [20, 17]), ModelSpecification(kind: "softmax"),
        ModelSpecification(kind: "small-cnn", settings: ["width": 4]),
    ]

    /// The mean entropy of the answers to some samples, as a share of log C.
    private func oracle(_ model: ModelArchitecture, _ parameters: ParameterVector, _ rows: [Int]) throws -> Double {
        let session = try ModelSession(model: model)
        try session.load(parameters)
        try session.forward(Self.table, rows: 0..<Self.table.count)
        let logits = session.logits.map(Double.init)
        let classes = model.classCount
        let entropies = rows.map { row in
            let z = logits[(row * classes)..<((row + 1) * classes)]
            let sum = z.reduce(0) { $0 + Foundation.exp($1) }
            return z.reduce(0) { $0 - Foundation.exp($1) / sum * Foundation.log(Foundation.exp($1) / sum) }
        }
        return entropies.reduce(0, +) / Double(rows.count) / Foundation.log(Double(classes))
    }

    @Test(arguments: models) func theScoreIsTheMeanEntropyOfTheAnswers(_ specification: ModelSpecification) throws {
        let model = try ModelArchitecture(specification)
        let trainer = LocalTrainer(model: model)
        var parameters = model.initialParameters(seed: Seed(2))
        parameters.add(model.initialParameters(seed: Seed(3)), scale: 3)
        let samples = Samples(Self.table)
        let all = try trainer.meanUncertainty(parameters: parameters, samples: samples, atMost: 1_000)
        let expected = try oracle(model, parameters, Array(0..<90))
        #expect(abs(try #require(all) - expected) < 1e-6)
        #expect(expected > 0.01 && expected < 1)
        let some = try trainer.meanUncertainty(parameters: parameters, samples: samples, atMost: 7)
        let spaced = try oracle(model, parameters, (0..<7).map { $0 * 90 / 7 })
        #expect(abs(try #require(some) - spaced) < 1e-6, "evenly spaced samples")
        let part = Samples(Self.table, indices: [5, 80, 33])
        let few = try trainer.meanUncertainty(parameters: parameters, samples: part, atMost: 256)
        #expect(abs(try #require(few) - oracle(model, parameters, [5, 80, 33])) < 1e-6)
    }

    @Test func aModelThatKnowsNothingIsWhollyUncertain() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax"))
        let parameters = ParameterVector(zeros: model.layout.elementCount)
        let trainer = LocalTrainer(model: model)
        let score = try trainer.meanUncertainty(parameters: parameters, samples: Samples(Self.table), atMost: 90)
        #expect(try abs(#require(score) - 1) < 1e-12 && #require(score) <= 1)
    }

    @Test func answersThatAreNoNumbersGiveNoScoreInRange() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax"))
        let parameters = ParameterVector([Float](repeating: .nan, count: model.layout.elementCount))
        let score = try LocalTrainer(model: model)
            .meanUncertainty(parameters: parameters, samples: Samples(Self.table), atMost: 90)
        #expect(try !(0...1).contains(#require(score)))
    }

    @Test func withoutSamplesOrAnswersThereIsNoScore() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax"))
        let zeros = ParameterVector(zeros: model.layout.elementCount)
        let nobody = Samples(Self.table, indices: [])
        #expect(try LocalTrainer(model: model).meanUncertainty(parameters: zeros, samples: nobody, atMost: 9) == nil)
        let vector = try ModelArchitecture(ModelSpecification(kind: "vector", elements: 4))
        let score = try LocalTrainer(model: vector)
            .meanUncertainty(parameters: ParameterVector(zeros: 4), samples: Samples(Self.table), atMost: 9)
        #expect(score == nil)
    }

    @Test func onlyWhoIsAskedReportsAndTrainsTheSame() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "mlp", hidden: [20]))
        let start = model.initialParameters(seed: Seed(2))
        let trainer = LocalTrainer(model: model)
        func train(_ settings: [String: Double]) throws -> (delta: ParameterVector, outcome: TrainingOutcome) {
            let specification = TrainingSpecification(batchSize: 32, settings: settings)
            return try trainer.train(
                parameters: start,
                samples: Samples(Self.table),
                specification: specification,
                seed: Seed(4)
            )
        }
        let (plain, asked) = (try train([:]), try train(["report_uncertainty": 50]))
        #expect(plain.outcome.uncertainty == nil)
        let expected = try trainer.meanUncertainty(parameters: start, samples: Samples(Self.table), atMost: 50)
        #expect(asked.outcome.uncertainty == expected && expected != nil)
        #expect(plain.delta.elements == asked.delta.elements)
        #expect(throws: LearningError.self) { try train(["report_uncertainty": -1]) }
        #expect(throws: LearningError.self) { try train(["report_uncertainty": 1.5]) }
    }
}
