// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import ModelState
import Testing

@Suite struct DeltaLayoutTests {
    @Test func partsHaveTheModelsSizes() throws {
        let world = try TinyWorld(trained: false)
        // Batch norms of 2 and 4 channels, a head of 3 classes over 4 channels of 2 x 2 pixels.
        let sizes: [(DeltaLayout.Part, Int)] = [(.affine, 12), (.statistics, 12), (.bias, 3), (.head, 12)]
        for (part, count) in sizes { #expect(DeltaLayout(world.model.layout, parts: [part]).count == count) }
        #expect(DeltaLayout(world.model.layout, parts: Set(DeltaLayout.Part.allCases)).count == 39)
    }

    @Test func aHeadsValueMovesAllPixelsOfItsChannel() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: [.head])
        var delta = [Float](repeating: 0, count: layout.count)
        delta[5] = 1  // class 1, channel 1
        let moved = layout.apply(delta, to: world.source).subtracting(world.source)
        let weight = world.model.layout.range(of: world.model.layout.tensors.count - 2)
        let changed = moved.elements.indices.filter { abs(moved[$0]) > 0.5 }
        #expect(changed == Array((weight.lowerBound + 20)..<(weight.lowerBound + 24)))
    }

    /// `<project(g), d> = <g, apply(d, 0)>` for all g and d.
    @Test func projectingIsTheTransposeOfApplying() throws {
        let world = try TinyWorld(trained: false)
        let layout = DeltaLayout(world.model.layout, parts: Set(DeltaLayout.Part.allCases))
        let gradient = ParameterVector((0..<world.source.count).map { Float($0 % 7) - 3 })
        let delta = (0..<layout.count).map { Float($0 % 5) - 2 }
        let zero = ParameterVector(zeros: world.source.count)
        let left = zip(layout.project(gradient), delta).reduce(0.0) { $0 + Double($1.0 * $1.1) }
        #expect(abs(left - gradient.dot(layout.apply(delta, to: zero))) < 1e-3)
    }
}
