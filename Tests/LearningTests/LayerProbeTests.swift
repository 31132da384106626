// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

struct LayerProbeTests {
    private func cnn() throws -> ModelArchitecture {
        try ModelArchitecture(ModelSpecification(kind: "cnn", input: [28, 28], classes: 10))
    }

    private func probe(_ model: ModelArchitecture) throws -> LayerProbe {
        try LayerProbe(
            model: model,
            parameters: model.initialParameters(seed: Seed(1)),
            samples: Samples(TrainingArithmeticTests.images)
        )
    }

    @Test func everyLayerWithProductsIsTimedBothWaysByTheClockItIsGiven() throws {
        let model = try cnn()
        var ticks = 0
        // Each way runs twice: the clock has advanced by less than 10 ms after the first run.
        let timings = try probe(model).measure(lasting: .milliseconds(10)) {
            ticks += 1
            return .milliseconds(8 * ticks)
        }
        #expect(
            timings.map(\.name) == [
                "forward 5 x 5, 1 to 32, 28 x 28", "forward 5 x 5, 32 to 64, 14 x 14", "forward 3136 x 512",
                "forward 512 x 10", "backward 512 x 10", "backward 3136 x 512", "backward 5 x 5, 32 to 64, 14 x 14",
                "backward 5 x 5, 1 to 32, 28 x 28",
            ]
        )
        #expect(timings.reduce(0) { $0 + $1.flopsPerSample } == model.trainingFlopsPerSample)
        #expect(ticks == 3 * timings.count && timings.allSatisfy { abs($0.seconds - 0.008) < 1e-9 })
        // 14 x 14 x 64 outputs, each a sum of 800 products; twice as many on the way back.
        #expect(timings[1].flopsPerSample == 2 * 196 * 64 * 800)
        #expect(timings[6].flopsPerSample == 2 * timings[1].flopsPerSample)
    }

    @Test func aProbeLeavesTheModelAsItIs() throws {
        let model = try cnn()
        let probe = try probe(model)
        var ticks = 0
        _ = probe.measure(lasting: .milliseconds(3)) {
            ticks += 1
            return .milliseconds(ticks)
        }
        #expect(probe.network.currentParameters().elementwiseEqual(model.initialParameters(seed: Seed(1))))
    }

    @Test func whatHasNoLayersIsRefused() throws {
        let mlp = try ModelArchitecture(ModelSpecification(kind: "mlp", input: [28, 28], classes: 10, hidden: [5]))
        #expect(throws: LearningError.self) { try probe(mlp) }
        #expect(throws: LearningError.self) {
            let samples = Samples(TrainingArithmeticTests.images)
            return try LayerProbe(model: cnn(), parameters: ParameterVector(zeros: 9), samples: samples)
        }
    }
}

extension ParameterVector {
    fileprivate func elementwiseEqual(_ other: ParameterVector) -> Bool {
        count == other.count && (0..<count).allSatisfy { self[$0] == other[$0] }
    }
}
