// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Selection

@Suite struct CascadeCurveTests {
    @Test func aSmallCaseIsCountedByHand() throws {
        // By falling scores the cloud gains 1, 0, -1, 1.
        let curve = try CascadeCurve(
            scores: [4, 3, 2, 1],
            deviceIsCorrect: [false, true, true, false],
            cloudIsCorrect: [true, true, false, true]
        )
        #expect(curve.accuracies == [0.5, 0.75, 0.75, 0.5, 0.75])
        #expect(curve.oracleAccuracies == [0.5, 0.75, 1, 1, 0.75])
        #expect(curve.deviceAccuracy == 0.5 && curve.cloudAccuracy == 0.75)
        #expect(abs(curve.area - (0.625 + 0.75 + 0.625 + 0.625) / 4) < 1e-15)
        #expect(curve.accuracy(atFraction: 0.125) == 0.625)
        #expect(curve.accuracy(atFraction: 1) == 0.75)
        #expect(curve.fraction(reaching: 1) == 0.25)
        #expect(curve.fraction(reaching: 0.5) == 0)
        #expect(curve.fraction(reaching: 1.5) == nil)
    }

    @Test func perfectScoresReachTheOracle() throws {
        var samples = Samples(100)
        let device = samples.flags(300, share: 0.7)
        let cloud = samples.flags(300, share: 0.9)
        let gains = zip(device, cloud).map { Double(($1 ? 1 : 0) - ($0 ? 1 : 0)) }
        let curve = try CascadeCurve(scores: gains, deviceIsCorrect: device, cloudIsCorrect: cloud)
        for (found, best) in zip(curve.accuracies, curve.oracleAccuracies) { #expect(abs(found - best) < 1e-12) }
        let normalized = try #require(curve.normalizedGain)
        #expect(abs(normalized - 1) < 1e-12)
    }

    @Test func equalScoresAreTheStraightLine() throws {
        var samples = Samples(101)
        let curve = try CascadeCurve(
            scores: [Double](repeating: 1, count: 100),
            deviceIsCorrect: samples.flags(100, share: 0.5),
            cloudIsCorrect: samples.flags(100, share: 0.9)
        )
        #expect(abs(curve.area - curve.randomArea) < 1e-12)
        let normalized = try #require(curve.normalizedGain)
        #expect(abs(normalized) < 1e-12)
    }

    @Test func anOracleThatGainsNothingHasNoShare() throws {
        let curve = try CascadeCurve(scores: [1, 2], deviceIsCorrect: [true, true], cloudIsCorrect: [true, true])
        #expect(curve.normalizedGain == nil)
    }

    @Test func noScoresBeatTheOracle() throws {
        var samples = Samples(102)
        for _ in 0..<10 {
            let curve = try CascadeCurve(
                scores: samples.scores(50),
                deviceIsCorrect: samples.flags(50, share: 0.6),
                cloudIsCorrect: samples.flags(50, share: 0.8)
            )
            for (found, best) in zip(curve.accuracies, curve.oracleAccuracies) { #expect(found <= best + 1e-12) }
        }
    }

    @Test func whatCannotBeMeasuredIsRefused() {
        #expect(throws: SelectionError.self) {
            try CascadeCurve(scores: [], deviceIsCorrect: [], cloudIsCorrect: [])
        }
        #expect(throws: SelectionError.self) {
            try CascadeCurve(scores: [1], deviceIsCorrect: [true], cloudIsCorrect: [])
        }
        #expect(throws: SelectionError.self) {
            try CascadeCurve(scores: [.nan], deviceIsCorrect: [true], cloudIsCorrect: [true])
        }
    }
}
