// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Selection

@Suite struct UncertaintyScorerPassesTests {
    @Test func passesThatAgreeShowNoDifference() throws {
        let logits: [Float] = [1, 2, 0.5, 1, 2, 0.5, 1, 2, 0.5]
        for score in [UncertaintyScore.mutualInformation, .variance, .disagreement] {
            #expect(try UncertaintyScorerTests.scores(score, logits, classes: 3, passes: 3)[0] < 1e-30)
        }
        let predictive = try UncertaintyScorerTests.scores(.predictiveEntropy, logits, classes: 3, passes: 3)[0]
        let single = try UncertaintyScorerTests.scores(.entropy, logits, classes: 3)[0]
        #expect(abs(predictive - single) < 1e-14)
    }

    @Test func sureOppositesDifferByOneBit() throws {
        let logits: [Float] = [900, 0, 0, 900]
        func one(_ score: UncertaintyScore) throws -> Double {
            try UncertaintyScorerTests.scores(score, logits, classes: 2, passes: 2)[0]
        }
        #expect(abs(try one(.mutualInformation) - log(2)) < 1e-15)
        #expect(abs(try one(.predictiveEntropy) - log(2)) < 1e-15)
        #expect(try one(.expectedEntropy) == 0)
        #expect(try one(.variance) == 0.25)
        #expect(abs(try one(.disagreement) - log(2)) < 1e-15)
    }

    @Test(arguments: [(1, 3), (2, 2), (5, 10), (10, 4)])
    func passScoresFollowTheirDefinitions(_ passes: Int, _ classes: Int) throws {
        var samples = Samples(UInt64(passes * 100 + classes))
        let rowCount = 15
        let logits = samples.logits(passes * rowCount * classes)
        func all(_ score: UncertaintyScore) throws -> [Double] {
            try UncertaintyScorerTests.scores(score, logits, classes: classes, passes: passes, temperature: 1.3)
        }
        let predictive = try all(.predictiveEntropy)
        let expected = try all(.expectedEntropy)
        let information = try all(.mutualInformation)
        let (variance, disagreement) = (try all(.variance), try all(.disagreement))
        for row in 0..<rowCount {
            let rows = (0..<passes).map { pass in
                let start = (pass * rowCount + row) * classes
                return ScoreOracle.softmax(Array(logits[start..<(start + classes)]), temperature: 1.3)
            }
            let total = ScoreOracle.entropy(ScoreOracle.mean(rows))
            let shared = rows.map(ScoreOracle.entropy).reduce(0, +) / Double(passes)
            #expect(abs(predictive[row] - total) < 1e-12)
            #expect(abs(expected[row] - shared) < 1e-12)
            #expect(abs(information[row] - (total - shared)) < 1e-12)
            #expect(abs(variance[row] - ScoreOracle.variance(rows)) < 1e-13)
            #expect(abs(disagreement[row] - ScoreOracle.entropy(ScoreOracle.votes(rows))) < 1e-12)
        }
    }

    @Test func singlePassScoresLookAtTheFirstPass() throws {
        let logits: [Float] = [5, 0, 0, 5]
        let found = try UncertaintyScorerTests.scores(.entropy, logits, classes: 2, passes: 2)
        let single = try UncertaintyScorerTests.scores(.entropy, [5, 0], classes: 2)
        #expect(found == single)
    }
}
