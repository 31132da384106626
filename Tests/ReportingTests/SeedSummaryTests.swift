// SPDX-License-Identifier: Apache-2.0

import Reporting
import Testing

@Suite struct SeedSummaryTests {
    @Test func deviationIsThatOfASample() throws {
        let summary = try #require(SeedSummary([2, 4, 4, 4, 5, 5, 7, 9]))
        #expect(summary.mean == 5)
        #expect(abs(try #require(summary.deviation) - (32.0 / 7).squareRoot()) < 1e-15)
        #expect(summary.minimum == 2 && summary.maximum == 9)
        #expect(summary.text(decimals: 2) == "5.00 ± 2.14")
    }

    @Test func oneRunHasNoSpread() throws {
        let summary = try #require(SeedSummary([0.5]))
        #expect(summary.deviation == nil)
        #expect(summary.text(decimals: 3) == "0.500")
        #expect(SeedSummary([]) == nil)
    }
}
