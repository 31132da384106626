// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Selection

@Suite struct UncertaintyScorerTests {
    static func scores(
        _ score: UncertaintyScore,
        _ logits: [Float],
        classes: Int,
        passes: Int = 1,
        temperature: Double = 1,
        content: LogitRows.Content = .logits
    ) throws -> [Double] {
        try LogitRows.with(logits, classCount: classes, passCount: passes, content: content) {
            try UncertaintyScorer(score, temperature: temperature).scores($0)
        }
    }

    @Test func equalLogitsGiveTheLargestDoubt() throws {
        let logits = [Float](repeating: 3, count: 10)
        #expect(abs(try Self.scores(.msp, logits, classes: 10)[0] - 0.9) < 1e-15)
        #expect(abs(try Self.scores(.entropy, logits, classes: 10)[0] - log(10)) < 1e-14)
        #expect(abs(try Self.scores(.margin, logits, classes: 10)[0] - 1) < 1e-15)
        #expect(try Self.scores(.maxLogit, logits, classes: 10)[0] == -3)
        #expect(abs(try Self.scores(.energy, logits, classes: 10)[0] - -(3 + log(10))) < 1e-14)
    }

    @Test(arguments: [0.5, 1, 3])
    func twoClassesFollowTheLogistic(_ temperature: Double) throws {
        for gap in [0.0, 0.3, 1, 4, 9] {
            let p = 1 / (1 + exp(-gap / temperature))
            let logits: [Float] = [Float(gap), 0]
            let exact = Double(logits[0])
            func one(_ score: UncertaintyScore) throws -> Double {
                try Self.scores(score, logits, classes: 2, temperature: temperature)[0]
            }
            #expect(abs(try one(.msp) - (1 - p)) < 1e-7)
            #expect(abs(try one(.margin) - (2 - 2 * p)) < 1e-7)
            #expect(abs(try one(.entropy) - ScoreOracle.entropy([p, 1 - p])) < 1e-7)
            #expect(abs(try one(.energy) - -temperature * log(exp(exact / temperature) + 1)) < 1e-12)
        }
    }

    @Test func almostSureIsToldFromSurerStill() throws {
        let logits: [Float] = [40, 0, 60, 0, 300, 0]
        let msp = try Self.scores(.msp, logits, classes: 2)
        #expect(abs(msp[0] / exp(-40) - 1) < 1e-12)
        #expect(abs(msp[1] / exp(-60) - 1) < 1e-12)
        #expect(msp[2] > 0 && msp[2] < msp[1])
        let entropy = try Self.scores(.entropy, logits, classes: 2)
        #expect(abs(entropy[0] / (41 * exp(-40)) - 1) < 1e-12)
        #expect(entropy[1] < entropy[0] && entropy[2] < entropy[1])
    }

    @Test(arguments: [1, 2, 3, 10, 47], [0.4, 1, 2.5])
    func singlePassScoresFollowTheirDefinitions(_ classes: Int, _ temperature: Double) throws {
        var samples = Samples(UInt64(classes))
        let logits = samples.logits(classes * 20)
        func all(_ score: UncertaintyScore) throws -> [Double] {
            try Self.scores(score, logits, classes: classes, temperature: temperature)
        }
        let (msp, entropy, margin) = (try all(.msp), try all(.entropy), try all(.margin))
        let (maxLogit, energy) = (try all(.maxLogit), try all(.energy))
        for row in 0..<20 {
            let values = Array(logits[(row * classes)..<((row + 1) * classes)])
            let p = ScoreOracle.softmax(values, temperature: temperature).sorted(by: >)
            #expect(abs(msp[row] - (1 - p[0])) < 1e-12)
            #expect(abs(entropy[row] - ScoreOracle.entropy(p)) < 1e-12)
            #expect(abs(margin[row] - (1 - p[0] + (classes > 1 ? p[1] : 1 - p[0]))) < 1e-12 || classes == 1)
            #expect(maxLogit[row] == -Double(values.max() ?? 0))
            let sum = values.reduce(0) { $0 + exp(Double($1) / temperature) }
            #expect(abs(energy[row] - -temperature * log(sum)) < 1e-11)
        }
    }

    @Test func aSingleClassLeavesNoDoubt() throws {
        for score in [UncertaintyScore.msp, .entropy, .margin, .mutualInformation, .variance, .disagreement] {
            #expect(try Self.scores(score, [5], classes: 1) == [0])
        }
    }

    @Test func probabilitiesScoreLikeTheirLogits() throws {
        var samples = Samples(4)
        let logits = samples.logits(60)
        let rows = stride(from: 0, to: 60, by: 6).map { Array(logits[$0..<($0 + 6)]) }
        let probabilities = rows.flatMap { ScoreOracle.softmax($0).map { Float($0) } }
        for score in UncertaintyScore.allCases where !score.needsLogits && !score.needsTeacher {
            let passes = score.comparesPasses ? 2 : 1
            let expected = try Self.scores(score, logits, classes: 6, passes: passes, temperature: 1.5)
            let found = try Self.scores(
                score,
                probabilities,
                classes: 6,
                passes: passes,
                temperature: 1.5,
                content: .probabilities
            )
            for (left, right) in zip(expected, found) { #expect(abs(left - right) < 1e-6) }
        }
    }

    @Test func impossibleClassesAddNothing() throws {
        #expect(try Self.scores(.entropy, [0, 1, 0], classes: 3, content: .probabilities) == [0])
        #expect(
            abs(try Self.scores(.entropy, [0.5, 0, 0.5], classes: 3, content: .probabilities)[0] - log(2)) < 1e-15
        )
    }

    @Test(arguments: [UncertaintyScore.energy, .maxLogit])
    func scoresOfLogitsRefuseProbabilities(_ score: UncertaintyScore) {
        #expect(throws: SelectionError.self) {
            try Self.scores(score, [0.5, 0.5], classes: 2, content: .probabilities)
        }
    }

    @Test func stridesSkipPadding() throws {
        let dense: [Float] = [1, 2, 3, 4, 0, 1]
        let padded: [Float] = [1, 2, .nan, .nan, 3, 4, .nan, .nan, 0, 1, .nan, .nan]
        let expected = try Self.scores(.entropy, dense, classes: 2)
        let found = try padded.withUnsafeBufferPointer { buffer in
            let base = try #require(buffer.baseAddress)
            let rows = LogitRows(base: base, rowCount: 3, classCount: 2, rowStride: 4)
            return try UncertaintyScorer(.entropy).scores(rows)
        }
        #expect(found == expected)
    }

    @Test(arguments: [0, -1, .nan, .infinity, 1e-9, 1e9])
    func senselessTemperatureIsRefused(_ temperature: Double) {
        #expect(throws: SelectionError.self) { try UncertaintyScorer(.msp, temperature: temperature) }
    }

    @Test func tooLittleRoomIsRefused() throws {
        var room = [Double](repeating: 0, count: 1)
        #expect(throws: SelectionError.self) {
            try LogitRows.with([1, 2, 3, 4], classCount: 2) { rows in
                try room.withUnsafeMutableBufferPointer { try UncertaintyScorer(.msp).score(rows, into: $0) }
            }
        }
    }

    @Test func noRowsGiveNoScores() throws {
        #expect(try Self.scores(.entropy, [], classes: 3) == [])
    }
}
