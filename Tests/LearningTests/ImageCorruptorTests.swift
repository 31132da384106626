// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Testing

@testable import Learning

@Suite struct ImageCorruptorTests {
    /// A rectangle of waves of several lengths, values 0 to 1.
    static func image(_ height: Int, _ width: Int) -> [Float] {
        (0..<(height * width)).map { index in
            let (row, column) = (Float(index / width) / Float(height), Float(index % width) / Float(width))
            let inside = row > 0.2 && row < 0.8 && column > 0.3 && column < 0.75
            return inside ? 0.5 + 0.2 * sin(23 * row + 9 * column) + 0.15 * sin(50 * column - 31 * row) : 0
        }
    }

    static func corrupted(
        _ corruption: ImageCorruption,
        _ strength: Int = 3,
        height: Int = 28,
        width: Int = 28,
        seed: UInt64 = 1,
        image: [Float]? = nil
    ) throws -> [Float] {
        try ImageCorruptor(height: height, width: width).corrupted(
            image ?? Self.image(height, width),
            by: corruption,
            strength: strength,
            seed: Seed(seed)
        )
    }

    static func distance(_ left: [Float], _ right: [Float]) -> Double {
        zip(left, right).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }.squareRoot()
    }

    @Test func thereAreThirteenWithStableNames() {
        #expect(
            ImageCorruption.allCases.map(\.rawValue) == [
                "gaussian-noise", "shot-noise", "impulse-noise", "gaussian-blur", "motion-blur", "brightness",
                "contrast", "fog", "pixelate", "jpeg", "rotation", "elastic", "occlusion",
            ]
        )
    }

    @Test(arguments: ImageCorruption.allCases)
    func strongerIsWorse(_ corruption: ImageCorruption) throws {
        let clean = Self.image(28, 28)
        let distances = try [1, 3, 5].map { strength in
            try (0..<4 as Range<UInt64>).map { seed in
                Self.distance(try Self.corrupted(corruption, strength, seed: seed), clean)
            }.reduce(0, +) / 4
        }
        #expect(distances[0] > 0.2)
        for (weak, strong) in zip(distances, distances.dropFirst()) { #expect(strong > weak, "\(distances)") }
    }

    @Test(arguments: ImageCorruption.allCases)
    func theSeedNamesTheResult(_ corruption: ImageCorruption) throws {
        let corruptor = try ImageCorruptor(height: 28, width: 28)
        let clean = Self.image(28, 28)
        let first = corruptor.corrupted(clean, by: corruption, strength: 4, seed: Seed(5))
        // Other images in between leave nothing behind in the buffers.
        _ = corruptor.corrupted(clean.reversed(), by: .elastic, strength: 5, seed: Seed(6))
        _ = corruptor.corrupted(clean, by: .fog, strength: 5, seed: Seed(7))
        #expect(corruptor.corrupted(clean, by: corruption, strength: 4, seed: Seed(5)) == first)
        let fixed: [ImageCorruption] = [.gaussianBlur, .brightness, .contrast, .pixelate, .jpeg, .rotation]
        let other = corruptor.corrupted(clean, by: corruption, strength: 4, seed: Seed(8))
        #expect((other == first) == fixed.contains(corruption))
    }

    @Test(arguments: ImageCorruption.allCases, [(1, 1), (1, 9), (3, 7), (20, 31)])
    func anySizeStaysInRange(_ corruption: ImageCorruption, _ size: (Int, Int)) throws {
        for strength in [1, 5] {
            let found = try Self.corrupted(corruption, strength, height: size.0, width: size.1)
            #expect(found.count == size.0 * size.1)
            #expect(found.allSatisfy { $0 >= 0 && $0 <= 1 })
        }
    }

    @Test(arguments: ImageCorruption.allCases)
    func hostileValuesAreBroughtIntoRange(_ corruption: ImageCorruption) throws {
        var image = Self.image(28, 28)
        (image[3], image[100], image[300], image[783]) = (.nan, .infinity, -.infinity, 1e30)
        let found = try Self.corrupted(corruption, 5, image: image)
        #expect(found.allSatisfy { $0 >= 0 && $0 <= 1 })
    }

    @Test func bytesAreTheRoundedFloats() throws {
        let corruptor = try ImageCorruptor(height: 28, width: 28)
        let bytes = Self.image(28, 28).map { UInt8(($0 * 255).rounded()) }
        let floats = corruptor.corrupted(
            bytes.map { Float($0) / 255 },
            by: .gaussianNoise,
            strength: 2,
            seed: Seed(3)
        )
        let found = corruptor.corrupted(bytes, by: .gaussianNoise, strength: 2, seed: Seed(3))
        #expect(found == floats.map { UInt8(($0 * 255).rounded()) })
    }

    @Test func impossibleSizesAreRefused() {
        for (height, width) in [(0, 5), (-1, -1), (1 << 40, 1 << 40), (1 << 13, 1 << 13)] {
            #expect(throws: LearningError.self) { try ImageCorruptor(height: height, width: width) }
        }
        for shape in [[], [28], [3, 28, 28], [1, 1, 28, 28]] {
            #expect(throws: LearningError.self) { try ImageCorruptor(shape: shape) }
        }
        #expect(throws: LearningError.self) { try ImageCorruption(parsing: "snow") }
    }

    @Test func shapesWithOneChannelAreImages() throws {
        for shape in [[4, 6], [4, 6, 1], [1, 4, 6]] {
            let corruptor = try ImageCorruptor(shape: shape)
            #expect(corruptor.height == 4 && corruptor.width == 6)
        }
    }
}
