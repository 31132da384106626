// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import ModelState
import Randomness
import Testing

@Suite struct CloudLearnerTests {
    /// Images that the world turned dark and flat.
    static func dim(_ images: [Float]) -> [Float] { images.map { 0.9 - 0.5 * $0 } }

    static func samples(_ count: Int, seed: UInt64) throws -> (samples: [CloudSample], images: [Float], labels: [Int32])
    {
        let (images, labels) = TinyWorld.images(count, seed: Seed(seed))
        let dimmed = dim(images)
        let size = TinyWorld.side * TinyWorld.side
        let samples = try labels.enumerated().map { row, label in
            CloudSample(
                image: Array(dimmed[(row * size)..<((row + 1) * size)]),
                label: try TinyWorld.label(label),
                uncertainty: 0.5
            )
        }
        return (samples, dimmed, labels)
    }

    static func configuration() -> CloudConfiguration {
        var configuration = CloudConfiguration()
        configuration.steps = 40
        configuration.batchSize = 12
        configuration.promptRate = 0.02
        configuration.deltaRate = 0.02
        configuration.averaging = 0.8
        return configuration
    }

    @Test func promptAndDeltaLearnWhatTheTeacherSays() throws {
        let world = try TinyWorld()
        let shape = try PromptShape(height: 8, width: 8, region: .full)
        let layout = DeltaLayout(world.model.layout, parts: [.affine, .bias, .head])
        let device = try DeviceModel(model: world.model, source: world.source, layout: layout)
        let (samples, images, labels) = try Self.samples(24, seed: 8)
        let statistics = try device.measure(images)
        let plain = try device.answer(
            images,
            in: AdaptationState(shape: shape, layout: layout),
            statistics: statistics
        )
        let cloud = try CloudLearner(
            model: world.model,
            source: world.source,
            layout: layout,
            configuration: Self.configuration(),
            seed: Seed(4)
        )
        let update = try #require(
            try cloud.learn(environment: 2, from: VisualPrompt(shape), samples: samples, statistics: statistics)
        )
        #expect(update.version == 1 && update.environment == 2)
        let adapted = try device.answer(images, in: update.state, statistics: statistics)
        #expect(TinyWorld.accuracy(plain.logits, labels) < 0.7)
        #expect(TinyWorld.accuracy(adapted.logits, labels) > 0.95)
    }

    @Test func theSameSeedAndCallsLearnTheSame() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: [.affine, .bias])
        let shape = try PromptShape(height: 8, width: 8, region: .frame(2))
        let states = try (0..<2).map { _ in
            let cloud = try CloudLearner(
                model: world.model,
                source: world.source,
                layout: layout,
                configuration: CloudConfiguration(),
                seed: Seed(4)
            )
            _ = try cloud.learn(
                environment: 0,
                from: VisualPrompt(shape),
                samples: try Self.samples(6, seed: 1).samples
            )
            return try cloud.learn(
                environment: 1,
                from: VisualPrompt(shape),
                samples: try Self.samples(6, seed: 2).samples
            )
        }
        #expect(states[0] == states[1])
    }

    @Test func refusedSamplesChangeNothing() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: [.bias])
        let cloud = try CloudLearner(
            model: world.model,
            source: world.source,
            layout: layout,
            configuration: CloudConfiguration(),
            seed: Seed(4)
        )
        let label = try TinyWorld.label(1)
        let wrong = [
            CloudSample(image: [1, 2], label: label, uncertainty: 0),
            CloudSample(image: [Float](repeating: .nan, count: 64), label: label, uncertainty: 0),
            CloudSample(
                image: [Float](repeating: 0, count: 64),
                label: try PseudoLabel(logits: [1, 2]),
                uncertainty: 0
            ),
        ]
        for sample in wrong {
            #expect(throws: AdaptationError.self) { try cloud.learn(environment: 0, from: nil, samples: [sample]) }
        }
        #expect(try cloud.learn(environment: 0, from: nil, samples: []) == nil)
        #expect(cloud.version == 0 && cloud.delta.allSatisfy { $0 == 0 })
    }

    @Test func statisticsAreTheDevicesOwn() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: [.affine, .statistics])
        #expect(throws: AdaptationError.self) {
            try CloudLearner(
                model: world.model,
                source: world.source,
                layout: layout,
                configuration: CloudConfiguration(),
                seed: Seed(4)
            )
        }
    }
}
