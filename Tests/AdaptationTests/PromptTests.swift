// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Testing

@Suite struct PromptTests {
    @Test(arguments: ["full", "frame:2", "patch:1:2:3:4"])
    func regionsReadBackTheirText(_ text: String) throws {
        #expect(try PromptShape.Region(parsing: text).description == text)
    }

    @Test(arguments: ["", "frame", "frame:x", "patch:1:2:3", "full:1", "frame:1:2", "border:3"])
    func textThatIsNoRegionIsRefused(_ text: String) {
        #expect(throws: AdaptationError.self) { try PromptShape.Region(parsing: text) }
    }

    @Test func regionsHaveTheirPixels() throws {
        let full = try PromptShape(channels: 2, height: 4, width: 5, region: .full)
        #expect(full.positions == Array(0..<40))
        let frame = try PromptShape(height: 4, width: 5, region: .frame(1))
        #expect(frame.positions == [0, 1, 2, 3, 4, 5, 9, 10, 14, 15, 16, 17, 18, 19])
        let patch = try PromptShape(
            channels: 2,
            height: 4,
            width: 5,
            region: .patch(top: 1, left: 3, height: 2, width: 2)
        )
        #expect(patch.positions == [8, 9, 13, 14, 28, 29, 33, 34])
    }

    @Test(arguments: [
        PromptShape.Region.frame(0), .frame(5), .patch(top: 0, left: 0, height: 0, width: 1),
        .patch(top: 3, left: 0, height: 2, width: 1), .patch(top: -1, left: 0, height: 1, width: 1),
        .patch(top: 0, left: 1, height: 1, width: Int.max),
    ])
    func regionsOutsideTheImageAreRefused(_ region: PromptShape.Region) {
        #expect(throws: AdaptationError.self) { try PromptShape(height: 4, width: 5, region: region) }
    }

    @Test func promptsAreAddedToEveryImageAtTheirPixelsOnly() throws {
        let shape = try PromptShape(height: 2, width: 2, region: .patch(top: 0, left: 1, height: 2, width: 1))
        let prompt = try VisualPrompt(shape, values: [10, 20])
        var images: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
        prompt.add(to: &images)
        #expect(images == [1, 12, 3, 24, 5, 16, 7, 28])
    }

    @Test func gradientsAreWeightedSumsOverTheImages() throws {
        let shape = try PromptShape(height: 2, width: 2, region: .patch(top: 0, left: 1, height: 2, width: 1))
        let gradient = VisualPrompt.gradient(shape, of: [1, 2, 3, 4, 5, 6, 7, 8], weights: [1, 0.5])
        #expect(gradient == [5, 8])
    }

    @Test func valuesOfAnotherSizeOrNotFiniteAreRefused() throws {
        let shape = try PromptShape(height: 2, width: 2, region: .full)
        #expect(throws: AdaptationError.self) { try VisualPrompt(shape, values: [1, 2, 3]) }
        #expect(throws: AdaptationError.self) { try VisualPrompt(shape, values: [1, 2, 3, .nan]) }
    }
}
