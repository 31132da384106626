// SPDX-License-Identifier: Apache-2.0

import Reporting
import Testing

@Suite struct SweepEstimateTests {
    @Test func nothingIsSaidBeforeACellFinished() {
        #expect(SweepEstimate().remaining(pending: ["a"], running: [], jobs: 1) == nil)
    }

    @Test func cellsTakeWhatTheirGroupTook() {
        var estimate = SweepEstimate()
        estimate.finished(group: "a", seconds: 2)
        estimate.finished(group: "a", seconds: 4)
        estimate.finished(group: "b", seconds: 12)
        #expect(estimate.remaining(pending: ["a", "b"], running: [], jobs: 1) == 15)
        // Of an unknown group: the mean of all.
        #expect(estimate.remaining(pending: ["c"], running: [], jobs: 1) == 6)
        #expect(estimate.remaining(pending: ["a"], running: [("a", 1), ("a", 100)], jobs: 1) == 5)
    }

    @Test func jobsShareTheWorkButNotACell() {
        var estimate = SweepEstimate()
        estimate.finished(group: "a", seconds: 3)
        #expect(estimate.remaining(pending: ["a", "a", "a", "a"], running: [], jobs: 2) == 6)
        #expect(estimate.remaining(pending: ["a"], running: [], jobs: 8) == 3)
        #expect(estimate.remaining(pending: [], running: [], jobs: 8) == 0)
    }
}
