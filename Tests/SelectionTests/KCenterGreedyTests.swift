// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct KCenterGreedyTests {
    static func with<Result>(_ values: [Float], width: Int, _ body: (FeatureRows) throws -> Result) rethrows -> Result {
        try values.withUnsafeBufferPointer { buffer in
            let base = buffer.baseAddress!  // the tests' features are never empty
            return try body(FeatureRows(base: base, rowCount: values.count / width, featureCount: width))
        }
    }

    static func radius(_ values: [Float], width: Int, _ centers: [Int]) -> Double {
        (0..<(values.count / width)).map { row in
            centers.map { center in
                (0..<width).reduce(0.0) { sum, index in
                    let difference = Double(values[row * width + index]) - Double(values[center * width + index])
                    return sum + difference * difference
                }.squareRoot()
            }.min() ?? .infinity
        }.max() ?? 0
    }

    @Test func farthestPointsComeFirst() {
        let cover = Self.with([0, 1, 10, 4, 9], width: 1) { KCenterGreedy().select(3, features: $0) }
        #expect(cover.chosen == [0, 2, 3])
        #expect(cover.radius == 1)
    }

    @Test func theRadiusIsAtMostTwiceTheBest() {
        var samples = Samples(50)
        for _ in 0..<6 {
            let values = samples.logits(9 * 2)
            let cover = Self.with(values, width: 2) { KCenterGreedy().select(3, features: $0) }
            #expect(abs(cover.radius - Self.radius(values, width: 2, cover.chosen)) < 1e-9)
            var best = Double.infinity
            for a in 0..<9 {
                for b in a..<9 {
                    for c in b..<9 { best = min(best, Self.radius(values, width: 2, [a, b, c])) }
                }
            }
            #expect(cover.radius <= 2 * best + 1e-9)
        }
    }

    @Test func givenRowsCountAsChosen() {
        let cover = Self.with([0, 1, 10, 4, 9], width: 1) {
            KCenterGreedy().select(1, features: $0, given: [2])
        }
        #expect(cover.chosen == [0])
    }

    @Test func equalRowsAreChosenOnce() {
        let cover = Self.with([1, 1, 1, 2, 2], width: 1) { KCenterGreedy().select(5, features: $0) }
        #expect(cover.chosen == [0, 3])
        #expect(cover.radius == 0)
    }

    @Test func rowsThatAreNotFiniteAreNeverChosen() {
        let cover = Self.with([.nan, 0, .infinity, 5, -.infinity], width: 1) {
            KCenterGreedy().select(5, features: $0, first: 0)
        }
        #expect(cover.chosen == [1, 3])
    }

    @Test func shortlistTakesTheUnsureAndTheDifferent() throws {
        let features: [Float] = [0, 0.1, 0.2, 9, 50]
        let scores = [0.9, 0.8, 0.7, 0.6, 0.1]
        let chosen = try Self.with(features, width: 1) {
            try KCenterGreedy().select(2, scores: scores, features: $0, shortlist: 2)
        }
        #expect(chosen == [0, 3])
        let byScore = try Self.with(features, width: 1) {
            try KCenterGreedy().select(2, scores: scores, features: $0, shortlist: 1)
        }
        #expect(byScore.sorted() == [0, 1])
        #expect(throws: SelectionError.self) {
            try Self.with(features, width: 1) { try KCenterGreedy().select(1, scores: [1], features: $0) }
        }
    }

    @Test func noveltyRefusesRepetitions() throws {
        var filter = try NoveltyFilter(.init(memory: 4, similarity: 0.5))
        var samples = Samples(51)
        func sample() -> [Float] { samples.logits(8) }
        for _ in 0..<20 {
            let features = sample()
            if filter.isNew(features) { filter.remember(features) }
        }
        let features = sample()
        filter.remember(features)
        let copy = features.map { $0 + 0.001 }
        let isNew = filter.isNew(copy)
        #expect(!isNew)
        #expect(filter.isNew(features.map { $0 + 10 }) == true)
        // Four others push it out of the memory.
        for _ in 0..<4 { filter.remember(sample()) }
        let isNewAgain = filter.isNew(copy)
        #expect(isNewAgain)
    }

    @Test func noveltyFirstSampleIsNewAndTheSameAgainIsNot() throws {
        var filter = try NoveltyFilter()
        let first = filter.isNew([1, 2])
        filter.remember([1, 2])
        let again = filter.isNew([1, 2])
        #expect(first && !again)
        #expect(throws: SelectionError.self) { try NoveltyFilter(.init(memory: 0)) }
        #expect(throws: SelectionError.self) { try NoveltyFilter(.init(similarity: .nan)) }
    }
}
