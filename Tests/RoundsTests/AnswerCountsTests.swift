// SPDX-License-Identifier: Apache-2.0

import ModelState
import Testing

@testable import Rounds

@Suite struct AnswerCountsTests {
    /// Answers and labels of classes 0 and 1, which are seen, and 2 and 3, which the model calls 3 and 2.
    private static let pairs: [(answer: Int, label: Int)] = [
        (0, 0), (0, 0), (1, 0), (1, 1), (3, 2), (3, 2), (2, 3), (1, 3),
    ]

    private static func counts(_ pairs: [(answer: Int, label: Int)]) -> AnswerCounts {
        var counts = AnswerCounts(classes: 4, seenClasses: 2)
        for pair in pairs { counts.count(answer: pair.answer, label: pair.label) }
        return counts
    }

    @Test func unseenClassesCountUnderTheirBestNames() {
        let counts = Self.counts(Self.pairs)
        #expect(counts.sampleCount == 8 && counts.names == [0, 1, 3, 2])
        let accuracies = counts.accuracies
        #expect(accuracies.all == 6.0 / 8 && accuracies.seen == 3.0 / 4 && accuracies.unseen == 3.0 / 4)
        #expect(accuracies.classes == [2.0 / 3, 1, 1, 0.5])
    }

    /// What has a name of its own keeps it: all samples of class 0 called 1 are wrong.
    @Test func seenClassesKeepTheirNames() {
        let accuracies = Self.counts([(1, 0), (1, 0), (0, 1), (2, 2)]).accuracies
        #expect(accuracies.seen == 0 && accuracies.unseen == 1 && accuracies.all == 1)
    }

    @Test func nothingIsAskedOfNothing() {
        let none = AnswerCounts(classes: 3, seenClasses: 3)
        #expect(none.accuracies == .init(all: 0, seen: 0, unseen: 0, classes: [0, 0, 0]))
    }

    /// Two clients with two samples each, who would each be all right under names of their own.
    @Test func namesAreThoseOfAllClientsTogether() {
        func summary(_ pairs: [(answer: Int, label: Int)]) -> EvaluationSummary {
            EvaluationSummary(sampleCount: UInt64(pairs.count), answers: Self.counts(pairs))
        }
        let all = EvaluationSummary(of: [
            summary([(2, 3), (2, 3), (3, 2)]), summary([(3, 3), (2, 2)]), EvaluationSummary(),
        ])
        #expect(all.accuracy == 3.0 / 5)
        #expect(all.spread?.clientCount == 2 && all.spread?.meanAccuracy == 0.5)
    }

    @Test func countsOfOtherClassesAreNotAdded() {
        var counts = Self.counts(Self.pairs)
        let before = counts
        for other in [AnswerCounts(classes: 3, seenClasses: 2), AnswerCounts(classes: 4, seenClasses: 1)] {
            let isAdded = counts.add(other)
            #expect(!isAdded)
        }
        #expect(counts == before)
        let isAdded = counts.add(before)
        #expect(isAdded && counts.sampleCount == 16 && counts.accuracies == before.accuracies)
    }

    // MARK: - What a coordinator counts

    private static func collected(_ report: EvaluationSummary, isOpen: Bool) throws -> EvaluationSummary {
        let model = [TensorLayout.Tensor(name: "weight", shape: [4, 2])]
        let further = OpenWorldTensors.tensors(classes: 4, seenClasses: 2, width: 2, clusterCount: 3)
        let task = EvaluateTask(
            job: JobID(1),
            base: ModelReference(round: .initial, digest: BlobDigest(high: 0, low: 1), byteCount: 1, codec: "fp32"),
            model: ModelSpecification(),
            layout: try TensorLayout(model + (isOpen ? further : []))
        )
        let agent = try #require(AgentID("a"))
        var collector = EvaluationCollector(task: task, awaiting: [agent], deadline: Instant(.seconds(1)))
        collector.add(report, from: agent)
        #expect(collector.isComplete)
        return collector.summary
    }

    @Test func aReportCountsOnlyWithTheAnswersThatTheJobAsksFor() throws {
        let answers = Self.counts(Self.pairs)
        let whole = EvaluationSummary(sampleCount: 8, correctCount: 4, answers: answers)
        #expect(try Self.collected(whole, isOpen: true).answers == answers)
        for report in [
            EvaluationSummary(sampleCount: 8, correctCount: 8),
            EvaluationSummary(sampleCount: 9, correctCount: 8, answers: answers),
            EvaluationSummary(sampleCount: 0, answers: answers),
            EvaluationSummary(sampleCount: 0, answers: AnswerCounts(classes: 3, seenClasses: 2)),
        ] {
            let counted = try Self.collected(report, isOpen: true)
            #expect(counted.sampleCount == 0 && counted.answers == nil)
        }
        let plain = try Self.collected(whole, isOpen: false)
        #expect(plain.sampleCount == 8 && plain.answers == nil && plain.accuracy == 0.5)
    }

    @Test func tensorsAreFoundWhereTheyAre() throws {
        let model = [TensorLayout.Tensor(name: "weight", shape: [4, 2]), .init(name: "bias", shape: [4])]
        let further = OpenWorldTensors.tensors(classes: 4, seenClasses: 2, width: 2, clusterCount: 3)
        let tensors = try #require(OpenWorldTensors(of: TensorLayout(model + further)))
        #expect(tensors.first == 12 && tensors.weights == 12..<16 && tensors.centroids == 16..<24)
        #expect(tensors.means == 24..<28 && tensors.clusters == 28..<34)
        #expect((tensors.classes, tensors.seenClasses, tensors.width, tensors.clusterCount) == (4, 2, 2, 3))
        #expect(OpenWorldTensors(of: try TensorLayout(model)) == nil)
        #expect(OpenWorldTensors(of: try TensorLayout(further + model)) == nil)
        let other = OpenWorldTensors.tensors(classes: 2, seenClasses: 4, width: 2, clusterCount: 3)
        #expect(OpenWorldTensors(of: try TensorLayout(model + other)) == nil)
    }
}
