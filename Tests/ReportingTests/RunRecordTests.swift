// SPDX-License-Identifier: Apache-2.0

import Foundation
import Reporting
import Testing

@Suite struct RunRecordTests {
    @Test func targetAndBestAreThoseOfEvaluatedRounds() {
        var run = TestRuns.run(accuracies: [0.5, nil, 0.8, 0.9, 0.9, 0.7])
        #expect(run.reachedTarget == nil && run.target == nil)
        run.targetAccuracy = 0.8
        #expect(run.reachedTarget?.round == 3)
        #expect(run.best?.round == 4)
        #expect(run.lastEvaluated?.accuracy == 0.7)
        run.targetAccuracy = 0.95
        #expect(run.reachedTarget == nil)
        #expect(run.target == "accuracy 0.95 not reached in 6 rounds")
    }

    @Test func aWindowHoldsTheMeanOfEvaluationsInARowAgainstTheTarget() {
        var run = TestRuns.run(accuracies: [0.9, 0.5, nil, 0.7, 0.9, 0.8, 0.2])
        run.targetAccuracy = 0.8
        #expect(run.reachedTarget?.round == 1, "by luck")
        run.targetWindow = 3
        #expect(run.reachedTarget?.round == 6)
        #expect(run.target?.hasPrefix("accuracy 0.8 (mean of 3 evaluations) reached after 6 rounds") == true)
        run.targetWindow = 6
        #expect(run.reachedTarget == nil)
        run.targetWindow = 7
        #expect(run.reachedTarget == nil, "there are not so many")
    }

    @Test func aRecordIsReadBackAsItWas() throws {
        var run = TestRuns.run(accuracies: [0.1, nil, 1.0 / 3])
        run.bytesUpPerClient = .init(clients: 3, mean: 2.5, maximum: 4)
        let text = try JSONEncoder().encode(run)
        #expect(try JSONDecoder().decode(RunRecord.self, from: text) == run)
    }

    @Test func theTableHasWhatWasMeasured() {
        let table = TestRuns.run(accuracies: [0.5, nil]).table
        #expect(table.columns.map(\.name) == ["round", "seconds", "bytes_up", "bytes_down", "accuracy"])
        #expect(table["accuracy"] == .real([0.5, nil]))
    }

    @Test func groupsSumUpTheRunsThatFinished() throws {
        var failed = TestRuns.run(accuracies: [0.1])
        failed.phase = "failed"
        let group = RunGroup(
            name: "a",
            runs: [TestRuns.run(accuracies: [0.4]), failed, TestRuns.run(accuracies: [0.6])]
        )
        let summary = try #require(group.summary { $0.lastEvaluated?.accuracy })
        #expect(summary.count == 2 && abs(summary.mean - 0.5) < 1e-12)
        #expect(group.summary { $0.reachedTarget.map { Double($0.round) } } == nil)
    }

    @Test func aPageNeedsNothingElse() {
        var run = TestRuns.run(accuracies: [0.5, 0.75])
        run.name = "a <b> & c"
        run.bytesUpByKind = ["weight": 900, "bias": 100]
        for index in run.rounds.indices {
            run.rounds[index].clientMean = 0.5
            run.rounds[index].clientWorstTenth = 0.25
            run.rounds[index].clientDeviation = 0.1
            run.rounds[index].localLoss = 1
            run.rounds[index].shiftLoss = 0.5
            run.rounds[index].aggregationLoss = -0.25
            run.rounds[index].diagnosedLoss = 1.25
        }
        let page = HTMLReport(run: run).text
        #expect(page.contains("<title>a &lt;b&gt; &amp; c</title>"))
        #expect(!page.contains("<b>"))
        for outside in ["<script", "src=", "href=", "url(", "@import"] { #expect(!page.contains(outside)) }
        let web = page.components(separatedBy: "http").count - page.components(separatedBy: "http-equiv").count
        #expect(web == page.components(separatedBy: "xmlns=\"http://www.w3.org/2000/svg\"").count - 1)
        for title in [
            "Accuracy against rounds", "Accuracy against uplink bytes", "Accuracy against time",
            "The worst tenth of the clients", "How the clients fare: a", "Loss decomposition: a",
            "Uplink bytes by kind of tensor",
        ] { #expect(page.contains("<title>\(title)"), "\(title)") }
        #expect(page.contains("1.2500 = local 1.0000 + shift 0.5000 + aggregation -0.2500"))
    }
}

enum TestRuns {
    /// A finished run of 100 bytes up and 2 seconds a round.
    static func run(accuracies: [Double?], seed: UInt64 = 1) -> RunRecord {
        var run = RunRecord(name: "run", mode: "fast", seed: seed, phase: "finished")
        run.rounds = accuracies.enumerated().map { index, accuracy in
            var round = RoundRecord(round: index + 1)
            round.seconds = Double(index + 1) * 2
            round.bytesUp = UInt64(index + 1) * 100
            round.accuracy = accuracy
            return round
        }
        return run
    }
}
