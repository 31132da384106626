// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import ModelState
import Randomness
import Rounds

/// A small model of images of 8 x 8 pixels and three classes: bright above, bright below, bright on the left.
struct TinyWorld {
    static let side = 8
    static let classes = 3
    let model: ModelArchitecture
    let source: ParameterVector

    init(trained: Bool = true) throws {
        model = try ModelArchitecture(
            ModelSpecification(
                kind: "small-cnn",
                input: [Self.side, Self.side],
                classes: Self.classes,
                settings: ["width": 2, "dropout": 0]
            )
        )
        var parameters = model.initialParameters(seed: Seed(5))
        if trained {
            let (images, labels) = Self.images(48, seed: Seed(1))
            let table = SampleTable(floats: images, shape: [Self.side, Self.side], labels: labels)
            let (change, _) = try LocalTrainer(model: model).train(
                parameters: parameters,
                samples: Samples(table),
                specification: TrainingSpecification(
                    localEpochs: 20,
                    batchSize: 16,
                    learningRate: 0.1,
                    momentum: 0.9
                ),
                seed: Seed(2)
            )
            parameters.add(change)
        }
        source = parameters
    }

    static func images(_ count: Int, seed: Seed) -> (images: [Float], labels: [Int32]) {
        var generator = SeededGenerator(seed: seed)
        var images: [Float] = []
        let labels = (0..<count).map { Int32($0 % classes) }
        for label in labels {
            for row in 0..<side {
                for column in 0..<side {
                    let isBright = label == 0 ? row < 3 : label == 1 ? row >= 5 : column < 3
                    images.append((isBright ? 0.8 : 0.1) + 0.1 * generator.uniformFloat())
                }
            }
        }
        return (images, labels)
    }

    static func accuracy(_ logits: [Float], _ labels: [Int32]) -> Double {
        let right = labels.indices.count { row in
            let values = Array(logits[(row * classes)..<((row + 1) * classes)])
            return values.firstIndex(of: values.max() ?? 0) == Int(labels[row])
        }
        return Double(right) / Double(labels.count)
    }

    /// A teacher's sure answer.
    static func label(_ label: Int32, sureness: Float = 6) throws -> PseudoLabel {
        try PseudoLabel(logits: (0..<classes).map { Int32($0) == label ? sureness : 0 })
    }
}
