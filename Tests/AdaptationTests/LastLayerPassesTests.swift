// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import ModelState
import Randomness
import Testing

@Suite struct LastLayerPassesTests {
    @Test func withoutDropoutEveryPassIsTheModelsAnswer() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: [])
        let device = try DeviceModel(model: world.model, source: world.source, layout: layout)
        let answer = try device.answer(
            TinyWorld.images(6, seed: Seed(1)).images,
            in: AdaptationState(prompt: nil, delta: []),
            statistics: [Float](repeating: 0, count: device.statistics.count)
        )
        let passes = try LastLayerPasses(
            world.source,
            layout: world.model.layout,
            passCount: 3,
            rate: 0,
            groupSize: 4
        )
        let logits = passes.logits(of: answer.features, seed: Seed(1))
        #expect(logits.count == 3 * 6 * 3)
        for (index, value) in logits.enumerated() { #expect(abs(value - answer.logits[index % 18]) < 1e-4) }
    }

    @Test func theMeanOfManyPassesIsTheModelsAnswer() throws {
        let world = try TinyWorld(trained: false)
        let features = (0..<16).map { Float($0) / 16 }
        func logits(_ count: Int, _ rate: Float) throws -> [Float] {
            try LastLayerPasses(
                world.source,
                layout: world.model.layout,
                passCount: count,
                rate: rate,
                groupSize: 4
            ).logits(of: features, seed: Seed(3))
        }
        let plain = try logits(1, 0)
        let many = try logits(4_000, 0.5)
        for index in 0..<3 {
            let values = (0..<4_000).map { many[$0 * 3 + index] }
            #expect(abs(values.reduce(0, +) / 4_000 - plain[index]) < 0.05)
            #expect((values.max() ?? 0) > (values.min() ?? 0))
        }
    }

    @Test func impossiblePassesAreRefused() throws {
        let world = try TinyWorld(trained: false)
        for (passes, rate, group) in [(0, Float(0), 4), (1, 1, 4), (1, -0.1, 4), (1, 0, 0), (1, 0, 5)] {
            #expect(throws: AdaptationError.self) {
                try LastLayerPasses(
                    world.source,
                    layout: world.model.layout,
                    passCount: passes,
                    rate: rate,
                    groupSize: group
                )
            }
        }
    }
}
