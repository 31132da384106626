// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}

private func runWork(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
    return nil
}

@Suite struct LocalTrainerTests {
    static let glyphs = GlyphSet(seed: Seed(9))
    static let mlp = ModelSpecification(kind: "mlp", hidden: [40])

    private func train(
        _ specification: TrainingSpecification = TrainingSpecification(),
        samples: Samples? = nil,
        model: ModelSpecification = mlp,
        trainer: LocalTrainer? = nil
    ) throws -> (delta: ParameterVector, outcome: TrainingOutcome) {
        let architecture = try ModelArchitecture(model)
        return try (trainer ?? LocalTrainer(model: architecture)).train(
            parameters: architecture.initialParameters(seed: Seed(2)),
            samples: samples ?? Samples(Self.glyphs.table(.train, count: 150)),
            specification: specification,
            seed: Seed(3)
        )
    }

    private func code(_ body: () throws -> Void) -> LearningError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? LearningError)?.code }
    }

    @Test func stepsAndSamplesAreCounted() throws {
        let (_, outcome) = try train(TrainingSpecification(localEpochs: 2, batchSize: 32))
        #expect(outcome.steps == 10 && outcome.sampleCount == 150 && !outcome.wasStopped)
        let (_, limited) = try train(TrainingSpecification(localEpochs: 2, batchSize: 32, maximumSteps: 7))
        #expect(limited.steps == 7 && !limited.wasStopped)
    }

    @Test func sameArgumentsGiveTheSameBitsInAnotherThread() throws {
        let reference = try train(TrainingSpecification(localEpochs: 2, momentum: 0.5)).delta
        final class Box: @unchecked Sendable {
            // Written by one thread each, read after joining them.
            nonisolated(unsafe) let deltas = UnsafeMutableBufferPointer<ParameterVector?>.allocate(capacity: 2)
            init() { deltas.initialize(repeating: nil) }
            deinit { deltas.deinitialize().deallocate() }
        }
        let box = Box()
        let threads = (0..<2).map { number -> pthread_t in
            var thread = pthread_t()
            let work = Work {
                box.deltas[number] = try? LocalTrainerTests().train(
                    TrainingSpecification(localEpochs: 2, momentum: 0.5)
                ).delta
            }
            pthread_create(&thread, nil, runWork, Unmanaged.passRetained(work).toOpaque())
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
        #expect(box.deltas[0] == reference)
        #expect(box.deltas[1] == reference)
    }

    @Test func earlierWorkOfATrainerDoesNotShowInItsResults() throws {
        let architecture = try ModelArchitecture(Self.mlp)
        let trainer = LocalTrainer(model: architecture)
        let fresh = try train().delta
        _ = try train(TrainingSpecification(batchSize: 61, learningRate: 0.3, momentum: 0.9), trainer: trainer)
        _ = try train(TrainingSpecification(settings: ["proximal_mu": 2]), trainer: trainer)
        _ = try trainer.evaluate(
            parameters: architecture.initialParameters(seed: Seed(8)),
            samples: Samples(Self.glyphs.table(.test, count: 300))
        )
        #expect(try train(trainer: trainer).delta == fresh)
    }

    @Test func instructionSetsWithFusedMultiplyAddAgreeToTheBit() throws {
        guard let first = DenseKernels(level: 1), let second = DenseKernels(level: 2) else { return }
        let architecture = try ModelArchitecture(ModelSpecification(kind: "mlp", hidden: [50, 30]))
        let deltas = try [first, second].map { kernels in
            try train(
                TrainingSpecification(batchSize: 10, momentum: 0.9, weightDecay: 0.001),
                model: ModelSpecification(kind: "mlp", hidden: [50, 30]),
                trainer: LocalTrainer(model: architecture, kernels: kernels)
            ).delta
        }
        #expect(deltas[0] == deltas[1])
    }

    @Test func trainerNoneReturnsZeros() throws {
        let (delta, outcome) = try train(TrainingSpecification(trainer: "none"))
        #expect(delta.squaredNorm == 0 && outcome.steps == 0 && outcome.meanLoss == nil && outcome.sampleCount == 150)
        let vector = try train(
            TrainingSpecification(trainer: "none"),
            model: ModelSpecification(kind: "vector", elements: 1000)
        )
        #expect(vector.delta.count == 1000 && vector.delta.squaredNorm == 0)
    }

    @Test func divergenceIsAnError() {
        #expect(code { _ = try train(TrainingSpecification(localEpochs: 5, learningRate: 1e30)) } == .diverged)
        // One step: the loss is finite, only the parameters overflow.
        #expect(
            code { _ = try train(TrainingSpecification(learningRate: 3e38, weightDecay: 1e10, maximumSteps: 1)) }
                == .diverged
        )
    }

    @Test func theCallerCanStopAndKeepsTheChange() throws {
        let architecture = try ModelArchitecture(Self.mlp)
        let parameters = architecture.initialParameters(seed: Seed(2))
        let samples = Samples(Self.glyphs.table(.train, count: 150))
        let (delta, outcome) = try LocalTrainer(model: architecture).train(
            parameters: parameters,
            samples: samples,
            specification: TrainingSpecification(),
            seed: Seed(3)
        ) { $0.step < 2 }
        #expect(outcome.wasStopped && outcome.steps == 2)
        #expect(try train(TrainingSpecification(maximumSteps: 2)).delta == delta)
    }

    @Test func foreignLabelsShapesAndNamesAreRefused() throws {
        let table = SampleTable(floats: [Float](repeating: 0, count: 8), shape: [4], labels: [0, 3])
        let small = ModelSpecification(input: [4], classes: 3, hidden: [2])
        #expect(code { _ = try train(samples: Samples(table), model: small) } == .labelOutOfRange)
        #expect(code { _ = try train(samples: Samples(table)) } == .shapeMismatch)
        #expect(code { _ = try train(TrainingSpecification(trainer: "magic")) } == .unknownTrainer)
        #expect(code { _ = try train(TrainingSpecification(settings: ["proximal_my": 1])) } == .unknownKey)
        #expect(code { _ = try train(model: ModelSpecification(kind: "vector", elements: 9)) } == .unknownTrainer)
        #expect(code { _ = try ModelArchitecture(ModelSpecification(kind: "transformer")) } == .unknownModel)
        let empty = SampleTable(bytes: [], shape: [28, 28], labels: [])
        #expect(code { _ = try train(samples: Samples(empty)) } == .missingData)
        do {
            _ = try train(samples: Samples(table), model: small)
        } catch let error as LearningError {
            #expect(error.message.contains("label 3") && error.message.contains("model.classes to 4"))
        }
    }

    @Test func federatedTrainingOnGlyphsBeatsSoftmax() throws {
        let train = Self.glyphs.table(.train, count: 6000)
        let test = Samples(Self.glyphs.table(.test, count: 1000))
        let parts = try DataSplit.iid.partition(labels: train.labels, clientCount: 5, seed: Seed(1))
        func accuracy(_ specification: ModelSpecification) throws -> Double {
            let model = try ModelArchitecture(specification)
            let trainer = LocalTrainer(model: model)
            var global = model.initialParameters(seed: Seed(1))
            for round in 0..<10 {
                var sum = ParameterVector(zeros: global.count)
                for client in 0..<5 {
                    let result = try trainer.train(
                        parameters: global,
                        samples: Samples(train, indices: parts[client]),
                        specification: TrainingSpecification(learningRate: 0.1),
                        seed: Seed(7).deriving("train", UInt64(client), UInt64(round))
                    )
                    sum.add(result.delta, scale: 0.2)
                }
                global.add(sum)
            }
            return try trainer.evaluate(parameters: global, samples: test).accuracy
        }
        let hidden = try accuracy(ModelSpecification(kind: "mlp", hidden: [64]))
        let linear = try accuracy(ModelSpecification(kind: "softmax"))
        #expect(hidden >= 0.96, "mlp reached \(hidden)")
        #expect(linear > 0.6 && linear < 0.93, "softmax reached \(linear)")
    }

    /// Whatever the sizes of the sets, and whatever the network did between.
    @Test(arguments: ["mlp", "lenet"]) func setsEvaluatedTogetherScoreAsOneByOne(_ kind: String) throws {
        let model = try ModelArchitecture(ModelSpecification(kind: kind, input: [28, 28], classes: 10, hidden: [12]))
        let trainer = LocalTrainer(model: model)
        let parameters = model.initialParameters(seed: Seed(2))
        let table = Self.glyphs.table(.test, count: 150)
        let sets = [0..<3, 3..<100, 100..<100, 40..<150].map { range in
            Samples(table, indices: range.map { UInt32($0) }[...])
        }
        let together = try trainer.evaluate(parameters: parameters, each: sets)
        for (samples, outcome) in zip(sets, together) {
            _ = try trainer.evaluate(parameters: model.initialParameters(seed: Seed(3)), samples: samples)
            #expect(try trainer.evaluate(parameters: parameters, samples: samples) == outcome)
        }
        #expect(together.map(\.sampleCount) == [3, 97, 0, 110])
    }

    @Test func evaluationOfPartsAddsUpToTheWhole() throws {
        let model = try ModelArchitecture(Self.mlp)
        let trainer = LocalTrainer(model: model)
        let parameters = model.initialParameters(seed: Seed(2))
        let whole = Self.glyphs.table(.test, count: 700)
        let central = try trainer.evaluate(parameters: parameters, samples: Samples(whole))
        var sum = EvaluationOutcome(sampleCount: 0, correctCount: 0, lossSum: 0)
        for number in 1...3 {
            let share = stride(from: number - 1, to: 700, by: 3).map { UInt32($0) }
            sum = sum + (try trainer.evaluate(parameters: parameters, samples: Samples(whole, indices: share[...])))
        }
        #expect(sum.sampleCount == 700 && sum.correctCount == central.correctCount)
        #expect(abs(sum.lossSum - central.lossSum) < 1e-9 * central.lossSum)
        #expect(central.meanLoss > 2 && central.meanLoss < 2.6)
    }

    @Test func initialParametersFollowTheFanIn() throws {
        let model = try ModelArchitecture(ModelSpecification(input: [100], classes: 4, hidden: [50]))
        #expect(model.layout.tensors.map(\.name) == ["layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"])
        #expect(model.layout.tensors[0].shape == [50, 100])
        let parameters = model.initialParameters(seed: Seed(1))
        #expect(parameters == model.initialParameters(seed: Seed(1)))
        #expect(parameters != model.initialParameters(seed: Seed(2)))
        let first = parameters.elements[model.layout.range(of: 0)]
        #expect(first.allSatisfy { abs($0) <= 0.1 } && first.contains { $0 > 0.095 } && first.contains { $0 < -0.095 })
    }
}
