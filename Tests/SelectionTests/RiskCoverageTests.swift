// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Selection

@Suite struct RiskCoverageTests {
    @Test func aSmallCaseIsCountedByHand() throws {
        // Accepted in the order right, wrong, right: risks 0, 1/2, 1/3.
        let metrics = try RiskCoverage(scores: [3, 1, 2], isWrong: [false, false, true])
        #expect(metrics.risks == [0, 0.5, 1.0 / 3])
        #expect(abs(metrics.aurc - (0.5 + 1.0 / 3) / 3) < 1e-15)
        #expect(abs(metrics.augrc - (1.0 / 3 + 1.0 / 3) / 3) < 1e-15)
        #expect(abs(metrics.errorRate - 1.0 / 3) < 1e-15)
    }

    @Test(arguments: [(10, 3), (1_000, 150), (7, 7), (7, 0), (1, 1)])
    func oracleScoresEqualTheFormula(_ count: Int, _ errors: Int) throws {
        let isWrong = (0..<count).map { $0 >= count - errors }
        let metrics = try RiskCoverage(scores: (0..<count).map(Double.init), isWrong: isWrong)
        #expect(abs(metrics.aurc - RiskCoverage.oracleAURC(errors: errors, of: count)) < 1e-14)
        #expect(abs(metrics.excessAURC) < 1e-14)
        #expect(abs(metrics.augrc - RiskCoverage.oracleAUGRC(errors: errors, of: count)) < 1e-14)
    }

    @Test func theOracleIsNearItsIntegral() {
        let r = 0.15
        let integral = r + (1 - r) * log(1 - r)
        #expect(abs(RiskCoverage.oracleAURC(errors: 15_000, of: 100_000) - integral) < 1e-5)
    }

    @Test func scoresThatSayNothingHaveHalfTheErrorRate() throws {
        var samples = Samples(80)
        let isWrong = samples.flags(20_000, share: 0.2)
        let metrics = try RiskCoverage(scores: samples.scores(20_000), isWrong: isWrong)
        #expect(abs(metrics.augrc - metrics.errorRate / 2) < 0.004)
        #expect(abs(metrics.aurc - metrics.errorRate) < 0.03)
    }

    /// The mean over all orders of the tied answers.
    @Test func tiesCountWithTheirExpectation() throws {
        let scores = [1.0, 2, 2, 2, 3]
        let isWrong = [false, true, false, true, true]
        let tied = [1, 2, 3]
        var (area, general, orders) = (0.0, 0.0, 0.0)
        for first in tied {
            for second in tied where second != first {
                let third = 6 - first - second
                var broken = scores
                (broken[first], broken[second], broken[third]) = (2, 2.1, 2.2)
                let metrics = try RiskCoverage(scores: broken, isWrong: isWrong)
                area += metrics.aurc
                general += metrics.augrc
                orders += 1
            }
        }
        let metrics = try RiskCoverage(scores: scores, isWrong: isWrong)
        #expect(orders == 6)
        #expect(abs(metrics.aurc - area / 6) < 1e-14)
        #expect(abs(metrics.augrc - general / 6) < 1e-14)
    }

    @Test func coverageAtARiskIsTheLargest() throws {
        let metrics = try RiskCoverage(
            scores: [1, 2, 3, 4, 5],
            isWrong: [true, false, false, false, true]
        )
        // Risks 1, 1/2, 1/3, 1/4, 2/5.
        #expect(metrics.coverage(atRisk: 0.25) == 0.8)
        #expect(metrics.coverage(atRisk: 0.4) == 1)
        #expect(metrics.coverage(atRisk: 0.1) == 0)
        #expect(metrics.coverage(atRisk: 1, skipping: 5) == 0)
    }

    @Test func whatCannotBeMeasuredIsRefused() {
        #expect(throws: SelectionError.self) { try RiskCoverage(scores: [], isWrong: []) }
        #expect(throws: SelectionError.self) { try RiskCoverage(scores: [1], isWrong: []) }
        #expect(throws: SelectionError.self) { try RiskCoverage(scores: [.nan], isWrong: [true]) }
    }
}
