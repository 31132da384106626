// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct DriftDetectorTests {
    static func feed(_ detector: inout DriftDetector, _ count: Int, mean: Double, _ samples: inout Samples) {
        for _ in 0..<count { detector.add(mean + samples.generator.normal()) }
    }

    @Test(arguments: [1, -1000, 1e-6])
    func aStillStreamStaysClosed(_ mean: Double) throws {
        var samples = Samples(1)
        var detector = try DriftDetector(.init(openAbove: 6))
        Self.feed(&detector, 5_000, mean: mean, &samples)
        #expect(detector.openings == 0)
    }

    @Test func aRiseOpensAndHabitCloses() throws {
        var samples = Samples(2)
        var detector = try DriftDetector(.init(openAbove: 6))
        Self.feed(&detector, 2_000, mean: -8, &samples)
        #expect(!detector.isOpen)
        Self.feed(&detector, 60, mean: -5, &samples)
        #expect(detector.isOpen)
        // The slow average comes to know the new level.
        Self.feed(&detector, 4_000, mean: -5, &samples)
        #expect(!detector.isOpen)
        #expect(detector.openings == 1)
    }

    @Test func adaptationCloses() throws {
        var samples = Samples(3)
        var detector = try DriftDetector()
        Self.feed(&detector, 2_000, mean: 0, &samples)
        Self.feed(&detector, 60, mean: 4, &samples)
        #expect(detector.isOpen)
        Self.feed(&detector, 100, mean: 0, &samples)
        #expect(!detector.isOpen)
    }

    @Test func aFallDoesNotOpen() throws {
        var samples = Samples(4)
        var detector = try DriftDetector()
        Self.feed(&detector, 2_000, mean: 0, &samples)
        let before = detector.openings
        Self.feed(&detector, 300, mean: -4, &samples)
        #expect(detector.openings == before)
    }

    /// Between the two levels the state stays what it was.
    @Test func hysteresisKeepsTheState() throws {
        var detector = try DriftDetector(
            .init(fastWeight: 0.5, slowWeight: 1e-9, openAbove: 4, closeBelow: 1, warmUp: 10)
        )
        for index in 0..<1_000 { detector.add(index % 2 == 0 ? 1 : -1) }
        var states: [Bool] = []
        var gaps: [Double] = []
        for level in [1.5, 1.5, 9, 9, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 0, 0, 0, 0] {
            states.append(detector.add(level))
            gaps.append(detector.gap)
        }
        #expect(states[1] == false && gaps[1] > 1 && gaps[1] < 4)
        #expect(states[3] == true)
        #expect(states[9] == true && gaps[9] > 1 && gaps[9] < 4)
        #expect(states[13] == false)
    }

    @Test func averagesStartAsMeans() throws {
        var detector = try DriftDetector(.init(fastWeight: 0.1, slowWeight: 0.01))
        for score in [1.0, 2, 3, 6] { detector.add(score) }
        #expect(abs(detector.fast - 3) < 1e-12)
        #expect(abs(detector.slow - 3) < 1e-12)
    }

    @Test func hostileScoresChangeNothingOrAreBounded() throws {
        var detector = try DriftDetector(.init(warmUp: 0))
        detector.add(1)
        let before = detector
        for score in [Double.nan, .infinity, -.infinity] { detector.add(score) }
        #expect(detector == before)
        for _ in 0..<100 {
            detector.add(.greatestFiniteMagnitude)
            detector.add(-.greatestFiniteMagnitude)
        }
        #expect(detector.gap.isFinite && detector.fast.isFinite && detector.slow.isFinite)
    }

    @Test func senselessConfigurationsAreRefused() {
        for configuration in [
            DriftDetector.Configuration(fastWeight: 0.01, slowWeight: 0.1), .init(slowWeight: 0), .init(fastWeight: 2),
            .init(openAbove: 1, closeBelow: 2), .init(openAbove: .nan), .init(warmUp: -1), .init(fastWeight: .nan),
        ] {
            #expect(throws: SelectionError.self) { try DriftDetector(configuration) }
        }
    }
}
