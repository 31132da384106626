// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct SampleGateTests {
    typealias Configuration = SampleGate.Configuration
    static let memory = StreamingQuantile.Configuration(window: 2_048, sketchSize: 128)

    /// Offers scores, one a second, of 10 bytes each.
    static func run(_ gate: inout SampleGate, _ scores: [Double], bytes: Int = 10) -> [SampleGate.Decision] {
        let start = Double(gate.offeredCount)
        return scores.enumerated().map { gate.offer(score: $1, bytes: bytes, at: start + Double($0)) }
    }

    @Test func theRateHoldsWithTheReserveInIt() throws {
        var samples = Samples(70)
        var gate = try SampleGate(Configuration(rate: 0.1, reserve: 0.2, memory: Self.memory), seed: Seed(1))
        let decisions = Self.run(&gate, samples.scores(20_000))
        let share = Double(gate.selectedCount) / 20_000
        #expect(abs(share - 0.1) < 0.012)
        #expect(abs(Double(gate.count(of: .reserve)) / 20_000 - 0.02) < 0.004)
        #expect(decisions.count { $0.isSelected } == gate.selectedCount)
        #expect(gate.selectedBytes == 10 * gate.selectedCount)
        #expect(gate.offeredCount == 20_000)
    }

    /// The mean score of the reserve is that of the stream; that of the others is not.
    @Test func theReserveDoesNotLookAtTheScore() throws {
        var samples = Samples(71)
        let scores = samples.scores(20_000)
        var gate = try SampleGate(Configuration(rate: 0.2, reserve: 0.5, memory: Self.memory), seed: Seed(2))
        let decisions = Self.run(&gate, scores)
        func mean(_ reason: SampleGate.Reason) -> Double {
            let chosen = zip(scores, decisions).filter { $1.reason == reason }.map(\.0)
            return chosen.reduce(0, +) / Double(chosen.count)
        }
        #expect(abs(mean(.reserve) - 0.5) < 0.03)
        #expect(mean(.uncertain) > 0.9)
    }

    @Test func theSameSeedDecidesTheSame() throws {
        var samples = Samples(72)
        let scores = samples.tiedScores(3_000, levels: 3)
        func decisions(_ seed: UInt64) throws -> [SampleGate.Decision] {
            var gate = try SampleGate(Configuration(rate: 0.3, memory: Self.memory), seed: Seed(seed))
            return Self.run(&gate, scores)
        }
        #expect(try decisions(5) == decisions(5))
        #expect(try decisions(5) != decisions(6))
    }

    @Test func scoresThatAreNotFiniteAreNamedAndForgotten() throws {
        var samples = Samples(73)
        let scores = samples.scores(1_000)
        var (clean, dirty) = (
            try SampleGate(Configuration(memory: Self.memory), seed: Seed(1)),
            try SampleGate(Configuration(memory: Self.memory), seed: Seed(1))
        )
        for (index, score) in scores.enumerated() {
            for bad in [Double.nan, .infinity, -.infinity] {
                #expect(dirty.offer(score: bad, bytes: 10, at: Double(index)).reason == .scoreNotFinite)
            }
            let expected = clean.offer(score: score, bytes: 10, at: Double(index))
            #expect(dirty.offer(score: score, bytes: 10, at: Double(index)) == expected)
        }
    }

    @Test func aBudgetOfZeroSendsNothing() throws {
        var samples = Samples(74)
        var gate = try SampleGate(
            Configuration(rate: 0.5, memory: Self.memory, allowance: .init(bytes: 0)),
            seed: Seed(1)
        )
        _ = Self.run(&gate, samples.scores(2_000))
        #expect(gate.selectedCount == 0)
        #expect(gate.count(of: .budgetSpent) > 800)
    }

    @Test func noWindowExceedsItsBytes() throws {
        var samples = Samples(75)
        var gate = try SampleGate(
            Configuration(
                rate: 0.5,
                memory: Self.memory,
                allowance: .init(bytes: 200, windowSeconds: 100)
            ),
            seed: Seed(1)
        )
        let decisions = Self.run(&gate, samples.scores(3_000))
        for window in 0..<30 {
            let chosen = decisions[(window * 100)..<(window * 100 + 100)].filter { $0.isSelected }
            #expect(chosen.count * 10 <= 200)
            #expect(chosen.filter { $0.reason == .reserve }.count * 10 <= 20)
            if window > 0 { #expect(chosen.count >= 18) }
        }
    }

    /// A burst of uncertain samples may not eat what the reserve needs.
    @Test func theReserveKeepsItsBytes() throws {
        var samples = Samples(76)
        var gate = try SampleGate(
            Configuration(
                rate: 0.4,
                reserve: 0.1,
                memory: Self.memory,
                allowance: .init(bytes: 1_000, windowSeconds: 1e6)
            ),
            seed: Seed(1)
        )
        _ = Self.run(&gate, samples.scores(5_000))
        #expect(gate.count(of: .uncertain) == 90)
        #expect(gate.count(of: .reserve) == 10)
    }

    @Test func aFloodIsBoundedAtTheEntrance() throws {
        var samples = Samples(77)
        var gate = try SampleGate(
            Configuration(rate: 1, warmUp: 0, memory: Self.memory, sampleBucket: .init(capacity: 20, perSecond: 1)),
            seed: Seed(1)
        )
        for (index, score) in samples.scores(5_000).enumerated() {
            _ = gate.offer(score: score, bytes: 10, at: Double(index) * 0.01)
        }
        #expect(gate.count(of: .flooded) >= 4_900)
        #expect(gate.memory.count <= 71)
    }

    @Test func theByteRateIsBounded() throws {
        var samples = Samples(78)
        var gate = try SampleGate(
            Configuration(rate: 1, memory: Self.memory, byteBucket: .init(capacity: 100, perSecond: 2)),
            seed: Seed(1)
        )
        _ = Self.run(&gate, samples.scores(1_000))
        #expect(gate.selectedBytes <= 100 + 2 * 1_000)
        #expect(gate.selectedBytes >= 1_900)
        #expect(gate.count(of: .byteRateExceeded) > 0)
    }

    @Test func sizesThatMakeNoSenseAreNamed() throws {
        var gate = try SampleGate(Configuration(maximumSampleBytes: 100), seed: Seed(1))
        #expect(gate.offer(score: 1, bytes: -1, at: 0).reason == .invalidSize)
        #expect(gate.offer(score: 1, bytes: 101, at: 0).reason == .sampleTooLarge)
        #expect(gate.offer(score: 1, bytes: 100, at: 0).reason == .warmingUp)
    }

    @Test func withoutDriftOnlyTheReservePasses() throws {
        var samples = Samples(79)
        var gate = try SampleGate(
            Configuration(rate: 0.2, memory: Self.memory, drift: .init(openAbove: 8)),
            seed: Seed(1)
        )
        _ = Self.run(&gate, samples.scores(3_000))
        #expect(!gate.isUplinkOpen)
        #expect(gate.count(of: .uncertain) == 0)
        #expect(gate.count(of: .reserve) > 20)
        #expect(gate.count(of: .uplinkClosed) > 400)
        _ = Self.run(&gate, samples.scores(100).map { $0 + 2 })
        #expect(gate.isUplinkOpen)
        #expect(gate.count(of: .uncertain) > 20)
    }

    @Test func similarSamplesAreRefusedAndBadFeaturesNamed() throws {
        var samples = Samples(80)
        var gate = try SampleGate(
            Configuration(rate: 1, reserve: 0, warmUp: 0, memory: Self.memory, novelty: .init()),
            seed: Seed(1)
        )
        for index in 0..<20 { _ = gate.offer(score: 1, bytes: 1, features: samples.logits(4), at: Double(index)) }
        let features = samples.logits(4).map { $0 + 50 }
        #expect(gate.offer(score: 1, bytes: 1, features: features, at: 20).reason == .uncertain)
        #expect(gate.offer(score: 1, bytes: 1, features: features, at: 21).reason == .tooSimilar)
        #expect(gate.offer(score: 1, bytes: 1, features: [.nan, 0, 0, 0], at: 22).reason == .featuresNotFinite)
        #expect(gate.offer(score: 1, bytes: 1, at: 23).reason == .uncertain)
    }

    @Test func featuresAreOnlyAskedForWhereTheyCount() throws {
        var samples = Samples(81)
        var asked = 0
        func features() -> [Float]? {
            asked += 1
            return nil
        }
        var gate = try SampleGate(Configuration(rate: 0.1, memory: Self.memory, novelty: .init()), seed: Seed(1))
        for score in samples.scores(2_000) { _ = gate.offer(score: score, bytes: 1, features: features(), at: 0) }
        #expect(asked == gate.count(of: .uncertain))
        #expect(asked < 300)
    }

    @Test func aClockThatJumpsIsCountedAndBounded() throws {
        var samples = Samples(82)
        var gate = try SampleGate(
            Configuration(
                rate: 1,
                reserve: 0,
                warmUp: 0,
                memory: Self.memory,
                allowance: .init(bytes: 50, windowSeconds: 1_000),
                maximumClockStep: 10
            ),
            seed: Seed(1)
        )
        // Back and forth by years: each leap counts for 10 seconds, so 100 leaps make one more window.
        for (index, score) in samples.scores(398).enumerated() {
            _ = gate.offer(score: score, bytes: 1, at: index % 2 == 0 ? 0 : 1e9)
        }
        #expect(gate.clockJumps == 397)
        #expect(gate.selectedBytes == 100)
        #expect(gate.offer(score: 1, bytes: 1, at: .nan).isSelected == false)
        #expect(gate.clockJumps == 398)
    }

    @Test func senselessConfigurationsAreRefused() {
        for configuration in [
            Configuration(rate: -0.1), Configuration(rate: .nan), Configuration(reserve: 2),
            Configuration(allowance: .init(bytes: -1)), Configuration(allowance: .init(bytes: 1, windowSeconds: 0)),
            Configuration(maximumSampleBytes: -1), Configuration(maximumClockStep: .infinity),
            Configuration(byteBucket: .init(capacity: -1, perSecond: 0)), Configuration(warmUp: -1),
            Configuration(memory: .init(window: 0)),
        ] {
            #expect(throws: SelectionError.self) { try SampleGate(configuration, seed: Seed(1)) }
        }
    }

    @Test func extremesOfAllKindsAreBounded() throws {
        var samples = Samples(83)
        var gate = try SampleGate(
            Configuration(
                rate: 1,
                warmUp: 0,
                memory: Self.memory,
                allowance: .init(bytes: Int.max, windowSeconds: 1e-6),
                byteBucket: .init(capacity: 1e300, perSecond: 1e300),
                drift: .init(warmUp: 0)
            ),
            seed: Seed(1)
        )
        for _ in 0..<2_000 {
            let score = Double(bitPattern: samples.generator.next())
            let seconds = Double(bitPattern: samples.generator.next())
            let bytes = Int(truncatingIfNeeded: samples.generator.next())
            let decision = gate.offer(score: score, bytes: bytes, at: seconds)
            #expect(!decision.isSelected || (score.isFinite && bytes >= 0))
        }
        #expect(gate.offeredCount == 2_000)
    }

    @Test func reasonsAreStable() {
        #expect(
            SampleGate.Reason.allCases.map(\.rawValue) == [
                "uncertain", "reserve", "below-threshold", "warming-up", "score-not-finite", "features-not-finite",
                "too-similar", "uplink-closed", "budget-spent", "byte-rate-exceeded", "flooded", "sample-too-large",
                "invalid-size",
            ]
        )
        #expect(SampleGate.Reason.allCases.filter { $0.isSelected } == [.uncertain, .reserve])
    }
}
