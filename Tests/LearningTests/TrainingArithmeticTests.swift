// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

@Suite struct TrainingArithmeticTests {
    /// 32 images, four fifths of them black.
    static let images = SampleTable(
        bytes: (0..<(32 * 784)).map { $0 % 5 == 0 ? UInt8($0 % 251) : 0 },
        shape: [28, 28],
        labels: (0..<32).map { Int32($0 % 10) }
    )

    private func mlp() throws -> ModelArchitecture {
        try ModelArchitecture(ModelSpecification(kind: "mlp", input: [28, 28], classes: 10, hidden: [200, 200]))
    }

    @Test func flopsAreCountedFromTheLayers() throws {
        let arithmetic = TrainingArithmetic(try mlp())
        // 2 x 198,800 forward and for the weights, 2 x 42,000 for the inputs of layers 2 and 3.
        #expect(arithmetic.evaluationFlopsPerSample == 397_600)
        #expect(arithmetic.trainingFlopsPerSample == 2 * 397_600 + 84_000)
        #expect(arithmetic.products.map(\.layer) == [0, 1, 2, 2, 2, 1, 1, 0])
        #expect(arithmetic.products.filter { $0.kind == .inputGradient }.map(\.layer) == [2, 1])
        let vector = try ModelArchitecture(ModelSpecification(kind: "vector", elements: 9))
        #expect(TrainingArithmetic(vector).products.isEmpty)
    }

    @Test func aProbeTimesEveryProductByTheClockItIsGiven() throws {
        let model = try mlp()
        let probe = try ProductProbe(
            model: model,
            parameters: model.initialParameters(seed: Seed(1)),
            samples: Samples(Self.images)
        )
        var ticks = 0
        let timings = probe.measure(repetitions: 2, runs: 4) {
            ticks += 1
            return .milliseconds(8 * ticks)
        }
        #expect(timings.map(\.product) == TrainingArithmetic(model).products)
        #expect(ticks == 2 * 2 * timings.count)
        // 8 ms for 4 runs of 2 x 784 x 200 x 32 operations.
        #expect(abs(timings[0].seconds - 0.002) < 1e-9)
        #expect(abs(timings[0].gigaflopsPerSecond - 10_035_200 / 0.002 * 1e-9) < 1e-6)
        // The images are mostly background; the last layer is too narrow to look for zeros.
        #expect(timings[0].leavesZerosOut && !timings[2].leavesZerosOut)
    }

    @Test func aProbeLeavesTheModelAsItIs() throws {
        let model = try mlp()
        let parameters = model.initialParameters(seed: Seed(1))
        let probe = try ProductProbe(model: model, parameters: parameters, samples: Samples(Self.images))
        _ = probe.measure(repetitions: 1, runs: 2) { .zero }
        var difference = [Float](repeating: 1, count: parameters.count)
        difference.withUnsafeMutableBufferPointer { probe.network.writeDifference(from: parameters, into: $0) }
        #expect(difference.allSatisfy { $0 == 0 })
    }

    @Test func thePeakIsThatOfTheClockItIsGiven() {
        var ticks = 0
        let peak = ProductProbe.peakGigaflopsPerSecond(repetitions: 3, iterations: 10) {
            ticks += 1
            return .microseconds(ticks)
        }
        // 10 iterations of 12 fused operations on 4, 8 or 16 lanes in a microsecond.
        #expect(ticks == 6)
        #expect([0.96, 1.92, 3.84].contains { abs(peak - $0) < 1e-9 })
    }

    @Test func whatCannotBeProbedIsRefused() throws {
        let vector = try ModelArchitecture(ModelSpecification(kind: "vector", elements: 9))
        #expect(throws: LearningError.self) {
            try ProductProbe(model: vector, parameters: ParameterVector(zeros: 9), samples: Samples(Self.images))
        }
        let model = try mlp()
        #expect(throws: LearningError.self) {
            try ProductProbe(model: model, parameters: ParameterVector(zeros: 9), samples: Samples(Self.images))
        }
    }

    /// Multiplications and additions count two; the inputs have no gradient, so that the first layer has two products.
    @Test func layeredModelsAreCountedByTheirProducts() throws {
        let cnn = try ModelArchitecture(ModelSpecification(kind: "cnn", input: [28, 28], classes: 10))
        let convolutions = (28 * 28 * 32 * 25, 14 * 14 * 64 * 32 * 25)
        let dense = 3_136 * 512 + 512 * 10
        #expect(cnn.trainingFlopsPerSample == Double(4 * convolutions.0 + 6 * (convolutions.1 + dense)))
        let mlp = try ModelArchitecture(ModelSpecification(kind: "mlp", input: [8], classes: 3, hidden: [5]))
        #expect(mlp.trainingFlopsPerSample == Double(4 * 8 * 5 + 6 * 5 * 3))
        #expect(mlp.hasSeparateProducts && !cnn.hasSeparateProducts)
    }
}
