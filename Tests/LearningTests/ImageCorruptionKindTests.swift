// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Testing

@testable import Learning

/// What each corruption does, against its own definition.
@Suite struct ImageCorruptionKindTests {
    static func flat(_ value: Float, _ count: Int = 784) -> [Float] { [Float](repeating: value, count: count) }

    static func moments(_ values: [Float]) -> (mean: Double, variance: Double) {
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        return (mean, values.reduce(0.0) { $0 + pow(Double($1) - mean, 2) } / Double(values.count))
    }

    /// The values of many flat images.
    static func many(_ corruption: ImageCorruption, _ strength: Int, value: Float) throws -> [Float] {
        try (0..<20 as Range<UInt64>).flatMap {
            try ImageCorruptorTests.corrupted(corruption, strength, seed: $0, image: flat(value))
        }
    }

    @Test func normalNoiseHasItsDeviation() throws {
        let found = Self.moments(try Self.many(.gaussianNoise, 1, value: 0.5))
        #expect(abs(found.mean - 0.5) < 0.003)
        #expect(abs(found.variance.squareRoot() / 0.08 - 1) < 0.03)
    }

    /// Of p photons the mean is v and the variance v / p.
    @Test func photonsAreOfThePoissonDistribution() throws {
        let found = Self.moments(try Self.many(.shotNoise, 1, value: 0.5))
        #expect(abs(found.mean - 0.5) < 0.004)
        #expect(abs(found.variance * 60 / 0.5 - 1) < 0.05)
        // Few photons: P(none) = exp(-v p).
        let few = try Self.many(.shotNoise, 5, value: 0.5)
        let none = Double(few.count { $0 == 0 }) / Double(few.count)
        #expect(abs(none - exp(-1.5)) < 0.015)
        #expect(Self.flat(0) == (try ImageCorruptorTests.corrupted(.shotNoise, 5, image: Self.flat(0))))
    }

    @Test func impulsesTurnTheirShareBlackOrWhite() throws {
        let found = try Self.many(.impulseNoise, 5, value: 0.5)
        let count = Double(found.count)
        #expect(abs(Double(found.count { $0 == 0 }) / count - 0.16) < 0.015)
        #expect(abs(Double(found.count { $0 == 1 }) / count - 0.16) < 0.015)
        #expect(found.allSatisfy { $0 == 0 || $0 == 0.5 || $0 == 1 })
    }

    @Test func brightnessAddsAndContrastScales() throws {
        let image = ImageCorruptorTests.image(28, 28)
        let bright = try ImageCorruptorTests.corrupted(.brightness, 1)
        #expect(zip(image, bright).allSatisfy { abs(min($0 + 0.1, 1) - $1) < 1e-6 })
        let pale = try ImageCorruptorTests.corrupted(.contrast, 5)
        let mean = Float(Self.moments(image).mean)
        #expect(zip(image, pale).allSatisfy { abs(mean + 0.12 * ($0 - mean) - $1) < 1e-5 })
    }

    @Test(arguments: [ImageCorruption.gaussianBlur, .motionBlur, .pixelate, .jpeg])
    func aFlatImageStaysFlat(_ corruption: ImageCorruption) throws {
        let found = try ImageCorruptorTests.corrupted(corruption, 5, image: Self.flat(0.5019608))
        // JPEG's coarsest step of a block's mean is 255 / 8.
        #expect(found.allSatisfy { abs($0 - 0.5019608) < (corruption == .jpeg ? 0.07 : 1e-5) })
    }

    @Test func theBlurOfAPointIsTheGaussian() throws {
        var image = Self.flat(0)
        image[14 * 28 + 14] = 1
        let found = try ImageCorruptorTests.corrupted(.gaussianBlur, 3, image: image)
        let weights = (-4...4).map { exp(-0.5 * pow(Double($0) / 1.3, 2)) }
        let sum = weights.reduce(0, +)
        for row in -4...4 {
            for column in -4...4 {
                let expected = weights[row + 4] * weights[column + 4] / (sum * sum)
                #expect(abs(Double(found[(14 + row) * 28 + 14 + column]) - expected) < 1e-6)
            }
        }
        #expect(found[14 * 28 + 19] == 0)
    }

    @Test func theBlurAlongALineKeepsThePointsLight() throws {
        var image = Self.flat(0)
        image[14 * 28 + 14] = 1
        for seed in 0..<5 as Range<UInt64> {
            let found = try ImageCorruptorTests.corrupted(.motionBlur, 2, seed: seed, image: image)
            #expect(abs(found.reduce(0, +) - 1) < 1e-5)
            // All of it within two pixels and a bit of the point, on both sides of it.
            let lit = found.indices.filter { found[$0] > 0 }
            #expect(lit.allSatisfy { abs($0 / 28 - 14) <= 3 && abs($0 % 28 - 14) <= 3 })
            #expect(lit.contains { $0 < 14 * 28 + 14 } && lit.contains { $0 > 14 * 28 + 14 })
        }
    }

    @Test func blocksHaveTheirMeans() throws {
        let image = ImageCorruptorTests.image(28, 28)
        let found = try ImageCorruptorTests.corrupted(.pixelate, 5)
        // 28 / 4.2 rounds to 7 blocks of 4.
        for block in 0..<49 {
            let (top, left) = (block / 7 * 4, block % 7 * 4)
            let members = (0..<16).map { (top + $0 / 4) * 28 + left + $0 % 4 }
            let mean = members.reduce(0) { $0 + image[$1] } / 16
            #expect(members.allSatisfy { abs(found[$0] - mean) < 1e-6 })
        }
    }

    /// The transform of a whole block by its definition, in doubles.
    @Test func jpegRoundsCosineCoefficients() throws {
        var generator = SeededGenerator(seed: Seed(4))
        let image = (0..<64).map { _ in generator.uniformFloat() }
        let found = try ImageCorruptorTests.corrupted(.jpeg, 1, height: 8, width: 8, image: image)
        func basis(_ frequency: Int, _ position: Int) -> Double {
            (frequency == 0 ? (1.0 / 8).squareRoot() : 0.5)
                * cos(Double((2 * position + 1) * frequency) * Double.pi / 16)
        }
        var restored = [Double](repeating: 128, count: 64)
        let table: [Int: Double] = [0: 16, 1: 11, 8: 12, 63: 99]
        for coefficient in 0..<64 {
            var value = 0.0
            for pixel in 0..<64 {
                let weight = basis(coefficient / 8, pixel / 8) * basis(coefficient % 8, pixel % 8)
                value += weight * (Double(image[pixel]) * 255 - 128)
            }
            let residue = (0..<64).reduce(0.0) { sum, pixel in
                sum + basis(coefficient / 8, pixel / 8) * basis(coefficient % 8, pixel % 8)
                    * (Double(found[pixel]) * 255 - 128)
            }
            // Quality 25 doubles the table. Clipping to 0 ... 255 moves what is restored a little.
            if let entry = table[coefficient], found.allSatisfy({ $0 > 0 && $0 < 1 }) {
                #expect(abs(residue - (value / (2 * entry)).rounded() * 2 * entry) < 0.01)
            }
            for pixel in 0..<64 {
                restored[pixel] += residue * basis(coefficient / 8, pixel / 8) * basis(coefficient % 8, pixel % 8)
            }
        }
        #expect(zip(restored, found).allSatisfy { abs($0 / 255 - Double($1)) < 1e-5 })
        #expect(ImageCorruptorTests.distance(image, found) > 0.1)
    }

    @Test func aTurnMovesAPointToTheLeft() throws {
        var image = Self.flat(0, 29 * 29)
        // Straight above the centre, ten pixels away.
        image[4 * 29 + 14] = 1
        let found = try ImageCorruptorTests.corrupted(.rotation, 4, height: 29, width: 29, image: image)
        let angle = 45.0 * Double.pi / 180
        let (row, column) = (14 - 10 * cos(angle), 14 - 10 * sin(angle))
        let total = found.reduce(0.0) { $0 + Double($1) }
        let centre = found.indices.reduce((0.0, 0.0)) {
            ($0.0 + Double(found[$1]) * Double($1 / 29), $0.1 + Double(found[$1]) * Double($1 % 29))
        }
        #expect(abs(centre.0 / total - row) < 0.5 && abs(centre.1 / total - column) < 0.5)
    }

    @Test func displacementsMoveValuesWithoutMakingNew() throws {
        let image = ImageCorruptorTests.image(28, 28)
        let found = try ImageCorruptorTests.corrupted(.elastic, 3)
        #expect(found.max() ?? 1 <= (image.max() ?? 0) + 1e-6)
        let ratio = found.reduce(0, +) / image.reduce(0, +)
        #expect(ratio > 0.5 && ratio < 2)
    }

    @Test func fogHidesBlackMoreThanWhite() throws {
        let black = Self.moments(try Self.many(.fog, 3, value: 0))
        let white = Self.moments(try Self.many(.fog, 3, value: 1))
        #expect(black.mean > 0.15 && black.variance > 0.003)
        #expect(white.mean > black.mean && white.mean < 1)
    }

    @Test func theRectangleHasItsSizeAndMoves() throws {
        var corners: Set<Int> = []
        for seed in 0..<10 as Range<UInt64> {
            let found = try ImageCorruptorTests.corrupted(.occlusion, 4, seed: seed, image: Self.flat(0))
            #expect(found.count { $0 == 0.5 } == 14 * 14)
            if let corner = found.firstIndex(of: 0.5) { corners.insert(corner) }
        }
        #expect(corners.count > 3)
    }
}
