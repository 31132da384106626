// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning

/// Samples that nobody labelled: where they come from, and who refuses them.
@Suite struct HiddenLabelsTests {
    private static let labels = (0..<2_000).map { Int32($0 % 10) }

    @Test func seenClassesKeepTheShareAndOthersNothing() {
        let rule = HiddenLabels(seenClasses: 6, labelledFraction: 0.3)
        let kept = rule.kept(labels: Self.labels, seed: Seed(3))
        let (seen, unseen) = (Self.labels.indices.filter { Self.labels[$0] < 6 }, Self.labels.count { $0 >= 6 })
        let share = Double(kept.count { $0 }) / Double(seen.count)
        #expect(abs(share - 0.3) < 0.05 && unseen > 0)
        #expect(zip(kept, Self.labels).allSatisfy { !$0 || $1 < 6 })
        #expect(kept == rule.kept(labels: Self.labels, seed: Seed(3)))
        #expect(kept != rule.kept(labels: Self.labels, seed: Seed(4)))
        #expect(HiddenLabels().kept(labels: Self.labels, seed: Seed(1)).allSatisfy { $0 })
    }

    /// A part of a job's data hides the labels that the whole hides, whether the rest is drawn or not.
    @Test func partsHideWhatTheWholeHides() throws {
        let text = "glyphs?samples=200&test=20&split=rare:2&seed=3&seen=6&labelled=0.5"
        let whole = try DataSpecification(parsing: text).load().requireTrain()
        let partition = try DataSplit.rare(classes: 2).partition(labels: whole.labels, clientCount: 3, seed: Seed(3))
        for part in 0..<3 {
            let data = try DataSpecification(parsing: "\(text)&part=\(part + 1)/3").load()
            let train = try data.requireTrain()
            #expect(train.isLabelled == partition[part].map { whole.isLabelled?[Int($0)] ?? true })
            #expect(try data.requireTest().isLabelled == nil)
        }
    }

    @Test func rareClassesLiveOnOneClientEach() throws {
        let partition = try DataSplit.rare(classes: 3).partition(labels: Self.labels, clientCount: 4, seed: Seed(1))
        for client in 0..<4 {
            let own = Set(partition[client].map { Self.labels[Int($0)] })
            #expect(own == Set(0..<7).union(client < 3 ? [Int32(7 + client)] : []))
        }
        let folded = try DataSplit.rare(classes: 3).partition(labels: Self.labels, clientCount: 2, seed: Seed(1))
        #expect(Set(folded[0].map { Self.labels[Int($0)] }) == Set(0..<8).union([9]))
    }

    @Test func limitsAndCutsKeepEachSamplesFlag() throws {
        let text = "glyphs?samples=100&test=0&labelled=0.5"
        let table = try DataSpecification(parsing: text).load().requireTrain()
        let flags = try #require(table.isLabelled)
        let picked: [UInt32] = [5, 2, 99]
        #expect(table.compacted(picked).isLabelled == picked.map { flags[Int($0)] })
        #expect(table.relabelled { 9 - $0 }.isLabelled == flags)
        #expect((0..<100).allSatisfy { (table.label(of: $0) != nil) == flags[$0] })
        #expect(table.labelled([Bool](repeating: true, count: 100)).isLabelled == flags, "labels do not come back")
        let (train, test) = HoldOut.split(table, fraction: 0.4, seed: Seed(1))
        #expect(test?.isLabelled?.allSatisfy { $0 } ?? true)
        #expect((train?.count ?? 0) + (test?.count ?? 0) == 100)
    }

    @Test func aLimitKeepsSomeOfTheSourceWhateverThePart() throws {
        let folder = try TemporaryFolder()
        let rows = (0..<50).map { "\($0),\($0 % 5)" }.joined(separator: "\n")
        let path = folder.write("a.csv", Array("x,y\n\(rows)\n".utf8))
        let text = "csv:\(path)?test=0&limit=20&standardize=0"
        let whole = try DataSpecification(parsing: text).load().requireTrain()
        #expect(whole.count == 20 && Set((0..<20).map { whole.features(of: $0)[0] }).count == 20)
        let parts = try (1...2).map { try DataSpecification(parsing: "\(text)&part=\($0)/2").load().requireTrain() }
        let all = parts.flatMap { part in (0..<part.count).map { part.features(of: $0)[0] } }
        #expect(Set(all) == Set((0..<20).map { whole.features(of: $0)[0] }))
        #expect(try DataSpecification(parsing: "csv:\(path)?test=0&limit=500").load().requireTrain().count == 50)
    }

    @Test func trainingAndEvaluationRefuseWhatHasNoLabel() throws {
        let table = SampleTable(floats: [1, 2, 3, 4], shape: [1], labels: [0, 1, 0, 1]).labelled([
            true, false, true, true,
        ])
        let model = try ModelArchitecture(.init(kind: "softmax", input: [1], classes: 2))
        let trainer = LocalTrainer(model: model)
        let parameters = model.initialParameters(seed: Seed(1))
        func code(_ samples: Samples) -> LearningError.Code? {
            learningErrorCode {
                _ = try trainer.train(parameters: parameters, samples: samples, specification: .init(), seed: Seed(1))
            }
        }
        #expect(code(Samples(table)) == .missingLabel)
        #expect(code(Samples(table, indices: [0, 2, 3])) == nil)
        #expect(
            learningErrorCode { _ = try trainer.evaluate(parameters: parameters, samples: Samples(table)) }
                == .missingLabel
        )
        try ModelSession(model: model).load(parameters)
    }
}
