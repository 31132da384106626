// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// The same arguments give layered models the same bits, whatever the trainer did before.
@Suite struct NetworkDeterminismTests {
    static let cases = NetworkGradientTests.cases.map { golden in
        NetworkGradientTests.Case(kind: golden.kind, input: golden.input, settings: golden.settings, rows: 11)
    }

    private func train(
        _ trainer: LocalTrainer,
        _ golden: NetworkGradientTests.Case,
        batchSize: Int = 4,
        momentum: Double = 0.5,
        seed: Seed = Seed(3)
    ) throws -> ParameterVector {
        let specification = TrainingSpecification(
            localEpochs: 2,
            batchSize: batchSize,
            learningRate: 0.05,
            momentum: momentum
        )
        return try trainer.train(
            parameters: trainer.model.initialParameters(seed: Seed(5)),
            samples: Samples(golden.table),
            specification: specification,
            seed: seed
        ).delta
    }

    /// Batches of 4, 4 and 3: the last leaves rows of the one before in the buffers.
    @Test(arguments: cases)
    func resultsDoNotDependOnWhatTheTrainerDidBefore(_ golden: NetworkGradientTests.Case) throws {
        let model = try golden.model
        let fresh = try train(LocalTrainer(model: model), golden)
        let used = LocalTrainer(model: model)
        _ = try train(used, golden, batchSize: 7, momentum: 0, seed: Seed(8))
        let other = model.initialParameters(seed: Seed(9))
        let evaluation = try used.evaluate(parameters: other, samples: Samples(golden.table))
        #expect(try train(used, golden) == fresh)
        #expect(try used.evaluate(parameters: other, samples: Samples(golden.table)) == evaluation)
        #expect(try train(used, golden) == fresh)
        // What a diverged training left behind matters as little.
        var specification = TrainingSpecification(localEpochs: 40, batchSize: 4, learningRate: 1e30)
        specification.maximumSteps = 40
        #expect(
            learningErrorCode {
                _ = try used.train(
                    parameters: other,
                    samples: Samples(golden.table),
                    specification: specification,
                    seed: Seed(1)
                )
            } == .diverged
        )
        #expect(try train(used, golden) == fresh)
    }

    @Test(arguments: cases) func anotherSeedMakesAnotherUpdate(_ golden: NetworkGradientTests.Case) throws {
        let trainer = LocalTrainer(model: try golden.model)
        #expect(try train(trainer, golden) != train(trainer, golden, seed: Seed(4)))
    }

    @Test(arguments: cases)
    func levelsWithFusedMultiplyAddsGiveTheSameBits(_ golden: NetworkGradientTests.Case) throws {
        let model = try golden.model
        let updates = try ([1, 2] as [Int32]).compactMap { level -> ParameterVector? in
            guard let (dense, convolution) = NetworkOracleTests.kernels(level) else { return nil }
            return try train(LocalTrainer(model: model, kernels: dense, convolution: convolution), golden)
        }
        for update in updates { #expect(update == updates[0]) }
    }

    @Test(arguments: cases)
    func evaluationDoesNotDependOnHowSamplesAreCut(_ golden: NetworkGradientTests.Case) throws {
        let trainer = LocalTrainer(model: try golden.model)
        let parameters = trainer.model.initialParameters(seed: Seed(5))
        let whole = try trainer.evaluate(parameters: parameters, samples: Samples(golden.table))
        let indices = (0..<11).map { UInt32($0) }
        var sum = 0.0
        var correct = 0
        for range in [0..<1, 1..<6, 6..<11] {
            let part = try trainer.evaluate(
                parameters: parameters,
                samples: Samples(golden.table, indices: indices[range])
            )
            sum += part.lossSum
            correct += part.correctCount
        }
        #expect(correct == whole.correctCount && abs(sum - whole.lossSum) < 1e-9 * whole.lossSum)
    }
}
