// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Randomness
import Testing

@Suite struct AugmentationPassesTests {
    @Test func withoutShiftAndLightEveryPassSeesTheImages() throws {
        let passes = try AugmentationPasses(passCount: 3, maximumShift: 0, lighting: 0, height: 4, width: 5)
        let images = (0..<60).map { Float($0) }
        #expect(passes.logits(of: images, imageSize: 20, seed: Seed(1)) { $0 } == images + images + images)
    }

    /// A ramp tells by how much it was moved: inside, every pixel differs from its place by the same.
    @Test func imagesMoveAsAWholeAndNoFartherThanAllowed() throws {
        let passes = try AugmentationPasses(passCount: 40, maximumShift: 2, lighting: 0, height: 9, width: 9)
        let ramp = (0..<81).map { Float($0 / 9 * 100 + $0 % 9) }
        let moved = passes.logits(of: ramp, imageSize: 81, seed: Seed(1)) { $0 }
        var shifts: Set<Float> = []
        for pass in 0..<40 {
            let inside = (0..<81).filter { (2..<7).contains($0 / 9) && (2..<7).contains($0 % 9) }
            let differences = Set(inside.map { moved[pass * 81 + $0] - ramp[$0] })
            #expect(differences.count == 1)
            shifts.formUnion(differences)
        }
        let allowed = Set((-2...2).flatMap { down in (-2...2).map { Float(down * 100 + $0) } })
        #expect(shifts.isSubset(of: allowed) && shifts.count > 10)
    }

    @Test func lightScalesAWholeImage() throws {
        let passes = try AugmentationPasses(passCount: 20, maximumShift: 1, lighting: 0.5, height: 2, width: 2)
        let lit = passes.logits(of: [Float](repeating: 1, count: 8), imageSize: 8, seed: Seed(2)) { $0 }
        let factors = (0..<20).map { Set(lit[($0 * 8)..<($0 * 8 + 8)]) }
        #expect(factors.allSatisfy { $0.count == 1 && $0.allSatisfy { (0.5...1.5).contains($0) } })
        #expect(Set(factors.joined()).count > 10)
    }

    @Test func theSeedDecides() throws {
        let passes = try AugmentationPasses(passCount: 2, height: 4, width: 4)
        let images = (0..<32).map { Float($0) }
        func all(_ seed: UInt64) -> [Float] { passes.logits(of: images, imageSize: 16, seed: Seed(seed)) { $0 } }
        #expect(all(1) == all(1))
        #expect(all(1) != all(2))
    }

    @Test func impossiblePassesAreRefused() {
        for (count, shift, light) in [(0, 1, Float(0.1)), (1, -1, 0.1), (1, 4, 0.1), (1, 1, 1), (1, 1, -0.1)] {
            #expect(throws: AdaptationError.self) {
                try AugmentationPasses(passCount: count, maximumShift: shift, lighting: light, height: 4, width: 6)
            }
        }
    }
}
