// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Selection

@Suite struct UncertaintyScorerTeacherTests {
    static func scores(
        _ score: UncertaintyScore,
        _ logits: [Float],
        labels: [Int32],
        features: [Float] = [],
        passes: Int = 1
    ) throws -> [Double] {
        let width = labels.isEmpty ? 0 : features.count / labels.count
        return try labels.withUnsafeBufferPointer { labels in
            try (features.isEmpty ? [0] : features).withUnsafeBufferPointer { buffer in
                try LogitRows.with(logits, classCount: logits.count / labels.count / passes, passCount: passes) {
                    let rows = FeatureRows(
                        base: try #require(buffer.baseAddress),
                        rowCount: labels.count,
                        featureCount: width
                    )
                    return try UncertaintyScorer(score).scores(
                        $0,
                        teacher: .labels(try #require(labels.baseAddress)),
                        features: rows
                    )
                }
            }
        }
    }

    @Test func evenOddsLieARootOfAHalfAway() throws {
        let found = try Self.scores(.el2n, [0, 0], labels: [1])
        #expect(abs(found[0] - 0.5.squareRoot()) < 1e-15)
    }

    @Test func sureAndWrongIsTheLargest() throws {
        let found = try Self.scores(.el2n, [900, 0, 900, 0], labels: [0, 1])
        #expect(found[0] < 1e-100)
        #expect(abs(found[1] - 2.0.squareRoot()) < 1e-15)
    }

    @Test func distancesFollowTheirDefinition() throws {
        var samples = Samples(12)
        let logits = samples.logits(2 * 8 * 5)
        let labels = samples.labels(8, classes: 5)
        let features = samples.logits(8 * 3)
        let plain = try Self.scores(.el2n, logits, labels: labels, passes: 2)
        let scaled = try Self.scores(.grand, logits, labels: labels, features: features, passes: 2)
        for row in 0..<8 {
            var truth = [Double](repeating: 0, count: 5)
            truth[Int(labels[row])] = 1
            let distances = (0..<2).map { pass in
                let start = (pass * 8 + row) * 5
                return ScoreOracle.distance(ScoreOracle.softmax(Array(logits[start..<(start + 5)])), truth)
            }
            let expected = (distances[0] + distances[1]) / 2
            let squares = features[(row * 3)..<(row * 3 + 3)].reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(plain[row] - expected) < 1e-13)
            #expect(abs(scaled[row] - expected * (squares + 1).squareRoot()) < 1e-12)
        }
    }

    /// The last layer's gradient of the cross-entropy is the outer product of p - y with (h, 1).
    @Test func grandIsTheNormOfTheGradient() throws {
        let logits: [Float] = [0.3, -1, 0.8]
        let features: [Float] = [0.5, -2]
        let found = try Self.scores(.grand, logits, labels: [2], features: features)
        let p = ScoreOracle.softmax(logits)
        let errors = [p[0], p[1], p[2] - 1]
        let inputs = features.map { Double($0) } + [1]
        let squares = errors.flatMap { error in inputs.map { error * $0 * error * $0 } }.reduce(0, +)
        #expect(abs(found[0] - squares.squareRoot()) < 1e-14)
    }

    @Test func softTeacherIsCompared() throws {
        let device: [Float] = [0, 0]
        let teacher: [Float] = [0.9, 0.1]
        let found = try LogitRows.with(device, classCount: 2) { rows in
            try LogitRows.with(teacher, classCount: 2, content: .probabilities) { answers in
                try UncertaintyScorer(.el2n).scores(rows, teacher: .rows(answers))
            }
        }
        #expect(abs(found[0] - (2 * 0.16).squareRoot()) < 1e-7)
    }

    @Test(arguments: [-1, 2, Int32.max, Int32.min])
    func aLabelThatIsNoClassIsRefused(_ label: Int32) throws {
        let found = try Self.scores(.el2n, [0, 1, 0, 1], labels: [label, 0])
        #expect(found[0] == UncertaintyScorer.refusedScore)
        #expect(found[1].isFinite)
    }

    @Test func featuresThatAreNotFiniteAreRefused() throws {
        let found = try Self.scores(.grand, [0, 1, 0, 1], labels: [0, 0], features: [.nan, 1])
        #expect(found[0] == UncertaintyScorer.refusedScore)
        #expect(found[1].isFinite)
        // Where they do not count they do not matter.
        let plain = try Self.scores(.el2n, [0, 1, 0, 1], labels: [0, 0], features: [.nan, 1])
        #expect(plain[0].isFinite)
    }

    @Test func whatIsMissingIsNamed() {
        for score in [UncertaintyScore.el2n, .grand] {
            #expect(throws: SelectionError.self) { try UncertaintyScorerTests.scores(score, [1, 2], classes: 2) }
        }
    }

    @Test func aTeacherOfOtherClassesIsRefused() {
        #expect(throws: SelectionError.self) {
            try LogitRows.with([1, 2], classCount: 2) { rows in
                try LogitRows.with([1, 2, 3], classCount: 3) { answers in
                    try UncertaintyScorer(.el2n).scores(rows, teacher: .rows(answers))
                }
            }
        }
    }
}
