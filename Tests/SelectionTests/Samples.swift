// SPDX-License-Identifier: Apache-2.0

import Randomness

/// Seeded material for tests.
struct Samples {
    var generator: SeededGenerator

    init(_ seed: UInt64) {
        generator = SeededGenerator(seed: Seed(seed))
    }

    mutating func logits(_ count: Int, scale: Double = 2) -> [Float] {
        (0..<count).map { _ in Float(scale * generator.normal()) }
    }

    mutating func scores(_ count: Int) -> [Double] {
        (0..<count).map { _ in generator.uniform() }
    }

    /// Scores with many ties.
    mutating func tiedScores(_ count: Int, levels: Int) -> [Double] {
        (0..<count).map { _ in Double(generator.below(levels)) }
    }

    mutating func flags(_ count: Int, share: Double) -> [Bool] {
        (0..<count).map { _ in generator.uniform() < share }
    }

    mutating func labels(_ count: Int, classes: Int) -> [Int32] {
        (0..<count).map { _ in Int32(generator.below(classes)) }
    }
}
