// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct RankSketchTests {
    /// Streams of different numbers in orders that are hard in different ways.
    enum Order: String, CaseIterable {
        case ascending
        case descending
        case random
        case sawtooth
        case insideOut

        func values(_ count: Int) -> [UInt64] {
            switch self {
            case .ascending: return (0..<count).map { UInt64($0) }
            case .descending: return (0..<count).reversed().map { UInt64($0) }
            case .random:
                var generator = SeededGenerator(seed: Seed(6))
                return generator.permutation(count).map { UInt64($0) }
            case .sawtooth:
                let teeth = 37
                return (0..<teeth).flatMap { tooth in stride(from: tooth, to: count, by: teeth).map { UInt64($0) } }
            case .insideOut:
                return (0..<count).map { UInt64($0 % 2 == 0 ? count / 2 + $0 / 2 : count / 2 - 1 - $0 / 2) }
            }
        }
    }

    @Test(arguments: Order.allCases, [16, 64])
    func everyRankKeepsTheBound(_ order: Order, _ size: Int) {
        let values = order.values(5_000)
        var sketch = RankSketch(size: size, capacity: values.count)
        for (position, value) in values.enumerated() {
            sketch.insert(value)
            guard position % 997 == 0 || position == values.count - 1 else { continue }
            var sorted = sketch
            sorted.sort()
            let exact = values[0...position].sorted()
            for probe in stride(from: 0, to: exact.count, by: 7) {
                let error = abs(sorted.rank(of: exact[probe]) - (probe + 1))
                #expect(error <= sketch.maximumRankError)
            }
            #expect(sorted.rank(of: .max) <= position + 1 + sketch.maximumRankError)
        }
    }

    /// The bound itself stays near n log2(n / size) / (2 size).
    @Test func theBoundGrowsAsPromised() {
        var sketch = RankSketch(size: 64, capacity: 1 << 13)
        for value in 0..<(1 << 13) { sketch.insert(UInt64(value)) }
        let levels = 7.0
        #expect(Double(sketch.maximumRankError) <= Double(1 << 13) * (levels + 2) / 128 + 64)
        #expect(sketch.maximumRankError > 0)
    }

    @Test func fewValuesAreExact() {
        var sketch = RankSketch(size: 16, capacity: 100)
        for value in [5, 1, 9, 9, 2] as [UInt64] { sketch.insert(value) }
        sketch.sort()
        #expect(sketch.maximumRankError == 0)
        #expect([0, 1, 2, 5, 8, 9, 10].map { sketch.rank(of: $0) } == [0, 1, 2, 3, 3, 5, 5])
    }

    @Test func memoryIsBoundedAtEveryMoment() {
        var sketch = RankSketch(size: 16, capacity: 4_000)
        for value in 0..<4_000 {
            sketch.insert(UInt64(value))
            #expect(sketch.retainedCount <= sketch.capacity)
        }
        #expect(sketch.retainedCount < 200)
        sketch.removeAll()
        #expect(sketch.retainedCount == 0 && sketch.count == 0 && sketch.maximumRankError == 0)
    }

    @Test func keysKeepTheOrderOfScores() {
        let scores = [-Double.infinity, -1e300, -2, -1e-300, 0, 1e-300, 0.5, 1, 1.00001, 1e300, .infinity]
        for (low, high) in zip(scores, scores.dropFirst()) {
            #expect(ScoreKey.key(low, tie: .max) < ScoreKey.key(high, tie: 0))
        }
        #expect(ScoreKey.key(-0.0, tie: 5) == ScoreKey.key(0, tie: 5))
        for score in scores where score.isFinite {
            let back = ScoreKey.score(ScoreKey.key(score, tie: 12_345))
            #expect(abs(back - score) <= abs(score) * 0x1p-28)
        }
    }
}
