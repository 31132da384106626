// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct UncertaintyScorerHostileTests {
    static let bad: [Float] = [.nan, .infinity, -.infinity, .signalingNaN]

    @Test(arguments: UncertaintyScore.allCases)
    func aRowThatIsNotFiniteIsRefusedAlone(_ score: UncertaintyScore) throws {
        for value in Self.bad {
            let logits: [Float] = [1, 2, 0, value, 3, 1]
            let labels: [Int32] = [0, 1, 0]
            let features: [Float] = [1, 2, 3]
            let (found, refused) = try labels.withUnsafeBufferPointer { labels in
                try features.withUnsafeBufferPointer { features in
                    try LogitRows.with(logits, classCount: 2) { rows in
                        var found = [Double](repeating: .nan, count: 3)
                        let refused = try found.withUnsafeMutableBufferPointer {
                            try UncertaintyScorer(score).score(
                                rows,
                                teacher: .labels(try #require(labels.baseAddress)),
                                features: FeatureRows(
                                    base: try #require(features.baseAddress),
                                    rowCount: 3,
                                    featureCount: 1
                                ),
                                into: $0
                            )
                        }
                        return (found, refused)
                    }
                }
            }
            #expect(refused == 1)
            #expect(found[1] == UncertaintyScorer.refusedScore)
            #expect(found[0].isFinite && found[2].isFinite)
        }
    }

    @Test func oneBadPassRefusesTheRow() throws {
        // Two rows in three passes; the last pass of row 1 is broken.
        let logits: [Float] = [1, 2, 3, 4, 1, 0, 0, 1, 2, 2, .nan, 1]
        for score in UncertaintyScore.allCases where score.comparesPasses {
            let found = try UncertaintyScorerTests.scores(score, logits, classes: 2, passes: 3)
            #expect(found[0].isFinite)
            #expect(found[1] == UncertaintyScorer.refusedScore)
        }
    }

    /// Any bits at all: every score is finite or the refusal, never NaN, and lies in its range.
    @Test(arguments: UncertaintyScore.allCases.filter { !$0.needsTeacher })
    func anyBitsGiveAScoreOrARefusal(_ score: UncertaintyScore) throws {
        var generator = SeededGenerator(seed: Seed(99))
        let logits = (0..<3_000).map { _ in
            // Half of them finite numbers of any size.
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
            return generator.uniform() < 0.9 && !value.isFinite ? 1 : value
        }
        for temperature in [1e-3, 1, 1e3] {
            let found = try UncertaintyScorerTests.scores(
                score,
                logits,
                classes: 5,
                passes: 3,
                temperature: temperature
            )
            #expect(found.contains { $0.isFinite })
            for value in found {
                #expect(value.isFinite || value == UncertaintyScorer.refusedScore)
                if score != .energy, score != .maxLogit, value.isFinite { #expect(value >= 0 && value < 1.7) }
            }
        }
    }

    @Test func theLargestLogitsStayFinite() throws {
        let huge = Float.greatestFiniteMagnitude
        for score in UncertaintyScore.allCases where !score.needsTeacher {
            let found = try UncertaintyScorerTests.scores(score, [huge, -huge, huge, huge], classes: 2)
            #expect(found.allSatisfy { $0.isFinite })
        }
    }

    @Test func negativeOrEmptyProbabilitiesAreRefused() throws {
        let rows: [Float] = [0.5, -0.5, 0, 0, 0.2, 0.8]
        let found = try UncertaintyScorerTests.scores(.msp, rows, classes: 2, content: .probabilities)
        #expect(found[0] == UncertaintyScorer.refusedScore)
        #expect(found[1] == UncertaintyScorer.refusedScore)
        #expect(abs(found[2] - 0.2) < 1e-7)
    }
}
