// SPDX-License-Identifier: Apache-2.0

import Reporting
import Testing

@Suite struct SweepResultsTests {
    private static func entry(
        _ variant: String,
        _ method: String,
        seed: UInt64,
        _ accuracies: [Double?]?,
        target: Double? = nil
    ) -> SweepResults.Entry {
        let cell = SweepCell(labels: [.init("variant", variant), .init("method", method)], seed: seed)
        var run = accuracies.map { TestRuns.run(accuracies: $0, seed: seed) }
        run?.targetAccuracy = target
        return SweepResults.Entry(cell: cell, run: run)
    }

    /// Seed by seed, as sweeps run; the last cell crashed.
    private static let results = SweepResults([
        entry("IID", "FedAvg", seed: 1, [0.5, 0.8], target: 0.6),
        entry("IID", "FedLD", seed: 1, [0.7, 0.9], target: 0.6),
        entry("skewed", "FedAvg", seed: 1, [0.5, 0.4], target: 0.6),
        entry("skewed", "FedLD", seed: 1, [0.6, 0.5], target: 0.6),
        entry("IID", "FedAvg", seed: 2, [0.5, 0.6], target: 0.6),
        entry("IID", "FedLD", seed: 2, [0.5, 0.9], target: 0.6),
        entry("skewed", "FedAvg", seed: 2, [0.5, 0.6], target: 0.6), entry("skewed", "FedLD", seed: 2, nil),
    ])

    @Test func methodsAreColumnsAndVariantsAreRows() throws {
        let table = try #require(Self.results.pivot(.accuracy))
        #expect(table.columns.map(\.name) == ["variant", "FedAvg", "FedLD"])
        #expect(table["variant"] == .text(["IID", "skewed"]))
        #expect(table["FedAvg"] == .text(["0.7000 ± 0.1414", "0.5000 ± 0.1414"]))
        #expect(table["FedLD"] == .text(["0.9000 ± 0.0000", "0.5000 (1 of 2 runs)"]))
    }

    @Test func aTargetThatNotAllReachHasNoMean() throws {
        let table = try #require(Self.results.pivot(.roundsToTarget))
        #expect(table["FedAvg"] == .text(["2.0 ± 0.0", "reached by 1 of 2"]))
        let summary = Self.results.summaryTable
        #expect(summary["rounds_to_target_mean"] == .real([2, 1.5, nil, 1]))
        #expect(summary["reached_target"] == .integer([2, 2, 1, 1]))
        #expect(summary["runs"] == .integer([2, 2, 2, 2]))
        #expect(summary["finished"] == .integer([2, 2, 2, 1]))
        #expect(Self.results.failedCount == 1)
    }

    @Test func everyCellAndEveryRoundIsInATable() {
        let cells = Self.results.cellTable
        #expect(cells.rowCount == 8)
        #expect(cells["phase"] == .text(Array(repeating: "finished", count: 7) + ["crashed"]))
        #expect(cells["best_accuracy"] == .real([0.8, 0.9, 0.5, 0.6, 0.6, 0.9, 0.6, nil]))
        let rounds = Self.results.roundTable
        #expect(rounds.rowCount == 14)
        #expect(rounds.columns.prefix(4).map(\.name) == ["variant", "method", "seed", "round"])
    }

    @Test func aSweepOverAColumnOfItsOwnTableKeepsBoth() {
        let cell = SweepCell(labels: [.init("rounds", "5")], seed: 1)
        let results = SweepResults([.init(cell: cell, run: TestRuns.run(accuracies: [0.5]))])
        #expect(results.cellTable["set.rounds"] == .text(["5"]))
        #expect(results.cellTable["rounds"] == .integer([1]))
        #expect(results.displayTable["set.rounds"] == .text(["5"]))
    }

    @Test func thePageComparesMethodsRowByRow() {
        let page = HTMLReport(title: "Methods", sweep: Self.results, notes: ["Seeds 1, 2."]).text
        #expect(page.contains("<h2>IID</h2>") && page.contains("<h2>skewed</h2>"))
        #expect(page.contains("1 of 8 runs did not finish"))
        #expect(page.contains("FedLD: from 0.6000 at 1.000 to 0.9000 at 2.000, mean of 2 runs"))
    }
}
