// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct QuantileGateTests {
    static let memory = StreamingQuantile.Configuration(window: 2_048, sketchSize: 128)

    static func passed(_ scores: [Double], rate: Double, warmUp: Int = 64) throws -> Int {
        var gate = try QuantileGate(rate: rate, warmUp: warmUp, memory: memory, seed: Seed(1))
        return scores.count { gate.admits($0) }
    }

    @Test(arguments: [0.01, 0.1, 0.5, 0.9])
    func aStillStreamPassesAtTheRate(_ rate: Double) throws {
        var samples = Samples(31)
        let scores = samples.scores(20_000)
        let share = Double(try Self.passed(scores, rate: rate)) / 20_000
        #expect(abs(share - rate) < 0.012)
    }

    @Test func equalScoresPassAtTheRateToo() throws {
        let share = Double(try Self.passed([Double](repeating: 0.25, count: 20_000), rate: 0.1)) / 20_000
        #expect(abs(share - 0.1) < 0.012)
    }

    @Test func scoresOfFewValuesPassAtTheRateHighestFirst() throws {
        var samples = Samples(32)
        let scores = samples.tiedScores(20_000, levels: 4)
        var gate = try QuantileGate(rate: 0.4, memory: Self.memory, seed: Seed(1))
        var passed = [Int](repeating: 0, count: 4)
        for score in scores where gate.admits(score) { passed[Int(score)] += 1 }
        // All of the highest quarter, 60 % of the next, nothing below.
        #expect(abs(Double(passed[3]) / 5_000 - 1) < 0.06)
        #expect(abs(Double(passed[2]) / 5_000 - 0.6) < 0.08)
        #expect(passed[0] + passed[1] < 100)
    }

    @Test func theHighestScoresPass() throws {
        var samples = Samples(33)
        var gate = try QuantileGate(rate: 0.1, memory: Self.memory, seed: Seed(1))
        for score in samples.scores(4_000) { _ = gate.admits(score) }
        #expect(gate.admits(0.95) == true)
        #expect(gate.admits(0.85) == false)
        let threshold = try #require(gate.thresholdScore)
        #expect(abs(threshold - 0.9) < 0.03)
    }

    @Test func theGateFollowsDrift() throws {
        var samples = Samples(34)
        var gate = try QuantileGate(rate: 0.1, memory: Self.memory, seed: Seed(1))
        for score in samples.scores(10_000) { _ = gate.admits(score) }
        // The level rises by 5: all would pass for ever with the old threshold.
        for score in samples.scores(5_000) { _ = gate.admits(5 + score) }
        let after = samples.scores(5_000).count { gate.admits(5 + $0) }
        #expect(abs(Double(after) / 5_000 - 0.1) < 0.03)
    }

    @Test func nothingPassesWhileTheGateWarmsUp() throws {
        var gate = try QuantileGate(rate: 1, warmUp: 10, memory: Self.memory, seed: Seed(1))
        #expect((0..<10).allSatisfy { !gate.admits(Double($0)) })
        #expect(gate.admits(-100) == true)
    }

    @Test func rateZeroAndOneAreExact() throws {
        var samples = Samples(35)
        let scores = samples.scores(3_000)
        #expect(try Self.passed(scores, rate: 0) == 0)
        #expect(try Self.passed(scores, rate: 1, warmUp: 0) == 2_999)
    }

    @Test func nanNeitherPassesNorCounts() throws {
        var gate = try QuantileGate(rate: 1, warmUp: 0, memory: Self.memory, seed: Seed(1))
        #expect(gate.admits(.nan) == false)
        #expect(gate.memory.count == 0)
    }

    @Test func senselessRatesAreRefused() {
        for rate in [-0.1, 1.1, .nan] {
            #expect(throws: SelectionError.self) { try QuantileGate(rate: rate, seed: Seed(1)) }
        }
        #expect(throws: SelectionError.self) {
            try StreamingQuantile(StreamingQuantile.Configuration(window: 15), seed: Seed(1))
        }
        #expect(throws: SelectionError.self) {
            try StreamingQuantile(StreamingQuantile.Configuration(sketchSize: 17), seed: Seed(1))
        }
    }

    /// Of the last window or two the quantile has a rank within the bound, everything older is forgotten.
    @Test func quantilesKeepTheirBoundAndForget() throws {
        var samples = Samples(36)
        var stream = try StreamingQuantile(.init(window: 500, sketchSize: 32), seed: Seed(4))
        #expect(stream.quantile(0.5) == nil)
        let scores = (0..<1_730).map { Double($0 / 500) + samples.generator.uniform() }
        for score in scores { stream.add(score) }
        // 1000 ..< 1500 and 1500 ..< 1730 are remembered.
        #expect(stream.count == 730)
        let remembered = scores[1_000...].sorted()
        let bound = stream.maximumRankError
        #expect(bound < 0.12)
        for level in [0.0, 0.1, 0.5, 0.77, 0.9, 1] {
            let found = stream.quantile(level)
            let value = try #require(found)
            // Keys hold 28 bits of the fraction.
            let below = Double(remembered.count { $0 < value - 1e-7 }) / 730
            let upTo = Double(remembered.count { $0 <= value + 1e-7 }) / 730
            #expect(below <= level + bound + 2.0 / 730)
            #expect(upTo >= level - bound - 2.0 / 730)
        }
        #expect(stream.quantile(-0.1) == nil)
        #expect(stream.quantile(.nan) == nil)
    }

    @Test func memoryIsConstant() throws {
        var samples = Samples(37)
        var stream = try StreamingQuantile(.init(window: 500, sketchSize: 32), seed: Seed(4))
        let capacity = stream.memoryCapacity
        for score in samples.scores(5_000) {
            stream.add(score)
            #expect(stream.retainedCount <= capacity)
        }
        #expect(stream.memoryCapacity == capacity)
        #expect(capacity <= 2 * 32 * 6)
    }
}
