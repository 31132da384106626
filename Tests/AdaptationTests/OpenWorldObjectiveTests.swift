// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Randomness
import Testing

@Suite struct OpenWorldObjectiveTests {
    private static let (rows, width, classes) = (6, 5, 4)
    private static let labels: [Int?] = [0, 0, 1, nil, nil, nil]
    private static let partners = [1, 0, 2, 4, 5, 3]

    private static func random(_ count: Int, seed: UInt64, around center: Float, by size: Float) -> FeatureVectors {
        var generator = SeededGenerator(seed: Seed(seed))
        let values = (0..<(count * width)).map { index in
            (index % width == 0 ? center : 0) + size * (2 * generator.uniformFloat() - 1)
        }
        return FeatureVectors(values, width: width)
    }

    /// Class vectors so near each other that the margin of unsure answers is at its bound, a constant.
    private static let features = random(rows, seed: 1, around: 1, by: 1)
    private static let head = random(classes, seed: 2, around: 2, by: 0.08)

    private static func objectives() -> [OpenWorldObjective] {
        var supervised = OpenWorldObjective()
        supervised.usesUnlabelled = false
        var suppressed = OpenWorldObjective()
        suppressed.suppression = 2
        suppressed.classWeights = [1, 0.2, 0.5, 0.7]
        var whole = suppressed
        whole.centroids = random(classes, seed: 3, around: 0, by: 1).normalized
        whole.alignment = 0.5
        whole.clusterFloor = 0.5
        return [supervised, OpenWorldObjective(), suppressed, whole]
    }

    private static func loss(
        _ objective: OpenWorldObjective,
        _ features: FeatureVectors,
        _ head: FeatureVectors
    ) -> OpenWorldObjective.Step {
        objective.step(features, head: head, labels: labels, partners: partners)
    }

    @Test(arguments: 0..<4)
    func gradientsAreThoseOfTheLoss(number: Int) {
        let objective = Self.objectives()[number]
        let step = Self.loss(objective, Self.features, Self.head)
        for index in 0..<Self.features.values.count {
            let slope = Self.slope(Self.features, index) { Self.loss(objective, $0, Self.head).loss }
            #expect(abs(slope - Double(step.features.values[index])) < 5e-4 + 0.02 * abs(slope), "feature \(index)")
        }
        for index in 0..<Self.head.values.count {
            let slope = Self.slope(Self.head, index) { Self.loss(objective, Self.features, $0).loss }
            #expect(abs(slope - Double(step.head.values[index])) < 5e-4 + 0.02 * abs(slope), "class vector \(index)")
        }
        #expect(step.features.values.contains { abs($0) > 0.004 })
    }

    private static func slope(
        _ vectors: FeatureVectors,
        _ index: Int,
        _ loss: (FeatureVectors) -> Double
    ) -> Double {
        var (up, down) = (vectors, vectors)
        up.values[index] += 5e-3
        down.values[index] -= 5e-3
        return (loss(up) - loss(down)) / Double(up.values[index] - down.values[index])
    }

    @Test func theSupervisedPartAloneLeavesUnlabelledSamplesAlone() {
        let step = Self.loss(Self.objectives()[0], Self.features, Self.head)
        #expect(step.features.values.suffix(3 * Self.width).allSatisfy { $0 == 0 })
        #expect(step.features.values.prefix(3 * Self.width).contains { $0 != 0 })
    }

    /// A rare class's weight makes its samples matter less.
    @Test func suppressionWeighsByClass() {
        func size(_ weight: Float) -> Double {
            var objective = OpenWorldObjective()
            objective.suppression = 2
            objective.classWeights = [Float](repeating: weight, count: Self.classes)
            return Self.loss(objective, Self.features, Self.head).loss
        }
        let plain = Self.loss(OpenWorldObjective(), Self.features, Self.head).loss
        #expect(abs((size(1) - plain) - 5 * (size(0.2) - plain)) < 1e-5)
        #expect(size(1) > plain)
    }
}
