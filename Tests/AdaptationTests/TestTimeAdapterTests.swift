// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Foundation
import Learning
import ModelState
import Randomness
import Testing

@Suite struct TestTimeAdapterTests {
    /// Images of another contrast and brightness.
    static func shifted(seed: UInt64) -> (images: [Float], labels: [Int32]) {
        let (images, labels) = TinyWorld.images(30, seed: Seed(seed))
        return (images.map { 0.05 + 0.2 * $0 }, labels)
    }

    @Test func theSourceModelAnswersAsTheTrainerEvaluates() throws {
        let world = try TinyWorld()
        let (images, labels) = TinyWorld.images(30, seed: Seed(7))
        let logits = try SourceModel(model: world.model, source: world.source).answer(images)
        let table = SampleTable(floats: images, shape: [8, 8], labels: labels)
        let outcome = try LocalTrainer(model: world.model).evaluate(parameters: world.source, samples: Samples(table))
        #expect(TinyWorld.accuracy(logits, labels) == Double(outcome.correctCount) / 30)
        #expect(TinyWorld.accuracy(logits, labels) > 0.9)
    }

    @Test func batchStatisticsUndoAShiftOfTheLight() throws {
        let world = try TinyWorld()
        let (images, labels) = Self.shifted(seed: 3)
        let source = try SourceModel(model: world.model, source: world.source).answer(images)
        let adapter = try EntropyMinimization(model: world.model, source: world.source, rate: 0)
        #expect(TinyWorld.accuracy(source, labels) < 0.7)
        #expect(TinyWorld.accuracy(try adapter.answer(images), labels) > 0.9)
    }

    @Test func entropyFallsFromBatchToBatch() throws {
        let world = try TinyWorld()
        let (images, _) = Self.shifted(seed: 3)
        let adapter = try EntropyMinimization(model: world.model, source: world.source, rate: 0.01)
        let entropies = try (0..<8).map { _ in
            let logits = try adapter.answer(images)
            return try stride(from: 0, to: logits.count, by: 3).reduce(0.0) { sum, start in
                let label = try PseudoLabel(logits: logits[start..<(start + 3)])
                return sum + label.probabilities.reduce(0) { $0 - Double($1) * log(Double($1)) }
            }
        }
        #expect(entropies[7] < 0.9 * entropies[0])
    }

    @Test func aMeanTeacherAnswersLikeTheSourceAtFirst() throws {
        let world = try TinyWorld()
        let (images, labels) = Self.shifted(seed: 3)
        let adapter = try MeanTeacherAdaptation(model: world.model, source: world.source, rate: 0.01, decay: 0.9)
        let statistics = try EntropyMinimization(model: world.model, source: world.source, rate: 0)
        let first = try adapter.answer(images)
        #expect(first == (try statistics.answer(images)))
        for _ in 0..<5 { _ = try adapter.answer(images) }
        #expect(TinyWorld.accuracy(try adapter.answer(images), labels) > 0.9)
    }

    @Test func rowsThatAreNoImagesAreRefused() throws {
        let world = try TinyWorld(trained: false)
        let adapters: [any TestTimeAdapter] = [
            try SourceModel(model: world.model, source: world.source),
            try EntropyMinimization(model: world.model, source: world.source, rate: 0.1),
        ]
        for adapter in adapters {
            #expect(throws: AdaptationError.self) { try adapter.answer([]) }
            #expect(throws: AdaptationError.self) { try adapter.answer([1, 2, 3]) }
        }
        #expect(throws: AdaptationError.self) {
            try EntropyMinimization(model: world.model, source: world.source, rate: -1)
        }
    }
}

private func log(_ value: Double) -> Double { value > 0 ? Foundation.log(value) : 0 }
