// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import Testing

@testable import Learning

@Suite struct SyntheticSetTests {
    private let set = SyntheticSet(clients: 50, samples: 8, test: 200, features: 12, classes: 4)

    @Test func aClientsSamplesDoNotDependOnTheOthers() throws {
        let all = set.table(of: 0..<50, seed: Seed(3))
        let some = set.table(of: [7, 49], seed: Seed(3))
        #expect(all.count == 400 && some.count == 16)
        #expect(some.clients == [Int32](repeating: 7, count: 8) + [Int32](repeating: 49, count: 8))
        for row in 0..<8 {
            #expect(some.features(of: row) == all.features(of: 56 + row))
            #expect(some.features(of: 8 + row) == all.features(of: 392 + row))
            #expect(some.labels[row] == all.labels[56 + row])
        }
        #expect(set.table(of: [7], seed: Seed(4)).features(of: 0) != some.features(of: 0))
    }

    /// A client's values are the draws of its own stream, whoever draws them.
    @Test func valuesAreThoseOfTheClientsOwnStream() {
        let set = SyntheticSet(clients: 3_000, samples: 5, features: 12, classes: 4)
        let table = set.table(of: 0..<3_000, seed: Seed(3))
        for client in [0, 1_234, 2_999] {
            var generator = SeededGenerator(seed: Seed(3).deriving("synthetic-client", UInt64(client)))
            for _ in 0..<(12 * 4) { _ = generator.normal() }
            for row in (5 * client)..<(5 * client + 5) {
                #expect(table.features(of: row) == (0..<12).map { _ in Float(generator.normal()) })
            }
        }
    }

    @Test func clientsShareARuleThatCanBeLearned() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax", input: [12], classes: 4))
        let start = model.initialParameters(seed: Seed(1))
        let trainer = LocalTrainer(model: model)
        let (delta, _) = try trainer.train(
            parameters: start,
            samples: Samples(set.table(of: 0..<50, seed: Seed(3))),
            specification: TrainingSpecification(localEpochs: 5, batchSize: 10, learningRate: 0.1),
            seed: Seed(1)
        )
        var trained = start
        trained.add(delta)
        let test = try #require(set.testTable(seed: Seed(3)))
        #expect(test.count == 200 && Set(test.labels).count == 4)
        #expect(try trainer.evaluate(parameters: trained, samples: Samples(test)).accuracy > 0.8)
    }

    @Test func specificationsNameIt() throws {
        let text = "synthetic?clients=50&samples=8&test=200&features=12&classes=4"
        let specification = try DataSpecification(parsing: text)
        #expect(specification.source == .synthetic(set) && specification.description == text)
        let data = try specification.loadWhole()
        #expect(data.train?.count == 400 && data.test?.count == 200)
        #expect(throws: LearningError.self) {
            try DataSpecification(parsing: "synthetic?clients=50000000&features=1000").loadWhole()
        }
        #expect(throws: LearningError.self) { try DataSpecification(parsing: "synthetic?classes=1") }
    }
}
