// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Selection

@Suite struct UncertaintyScoreTests {
    @Test func namesAreStable() {
        let names = UncertaintyScore.allCases.map(\.rawValue)
        #expect(
            names == [
                "msp", "entropy", "margin", "max-logit", "energy", "predictive-entropy", "expected-entropy",
                "mutual-information", "variance", "disagreement", "el2n", "grand",
            ]
        )
    }

    @Test(arguments: UncertaintyScore.allCases)
    func nameIsReadBack(_ score: UncertaintyScore) throws {
        #expect(try UncertaintyScore(parsing: score.rawValue) == score)
    }

    @Test func unknownNameListsTheKnown() {
        do {
            _ = try UncertaintyScore(parsing: "bald")
            Issue.record("no error")
        } catch let error as SelectionError {
            #expect(error.code == .unknownScore)
            #expect(error.message.contains("mutual-information"))
        } catch {
            Issue.record("another error: \(error)")
        }
    }

    @Test func tallyMeansFiniteScoresOnly() {
        var tally = ScoreTally()
        #expect(tally.mean == nil)
        for score in [1.0, 2, .nan, 6, .infinity, -.infinity] { tally.add(score) }
        #expect(tally.mean == 3)
        #expect(tally.count == 3)
        #expect(tally.refusedCount == 3)
    }

    @Test func tallyNeverOverflows() {
        var tally = ScoreTally()
        tally.add(.greatestFiniteMagnitude)
        tally.add(.greatestFiniteMagnitude)
        #expect(tally.sum.isFinite)
        #expect(tally.refusedCount == 1)
    }
}
