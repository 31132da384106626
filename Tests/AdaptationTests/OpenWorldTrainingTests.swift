// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import ModelState
import Randomness
import Rounds
import Testing

/// A client of a job with classes that nobody labelled.
@Suite struct OpenWorldTrainingTests {
    private static let classes = 4
    private static let tensors = OpenWorldTensors.tensors(classes: classes, seenClasses: 2, width: 6, clusterCount: 5)

    private let model: ModelArchitecture
    private let layout: TensorLayout
    private let tensors: OpenWorldTensors

    init() throws {
        model = try ModelArchitecture(.init(kind: "mlp", input: [8], classes: Self.classes, hidden: [6]))
        layout = try TensorLayout(model.layout.tensors + Self.tensors)
        tensors = try #require(OpenWorldTensors(of: layout))
        #expect(try OpenWorldHead.width(model) == 6)
    }

    /// Samples around one point for each class; of the first two classes half are labelled.
    private static func samples(_ count: Int, labelled: Double = 0.5, seed: UInt64 = 1) -> Samples {
        var generator = SeededGenerator(seed: Seed(seed))
        let labels = (0..<count).map { Int32($0 % classes) }
        let values = labels.flatMap { label in
            (0..<8).map { (Int32($0 / 2) == label ? 1 : 0) + 0.2 * Float(generator.normal()) }
        }
        let keeps = HiddenLabels(seenClasses: 2, labelledFraction: labelled).kept(labels: labels, seed: Seed(seed))
        return Samples(SampleTable(floats: values, shape: [8], labels: labels).labelled(keeps))
    }

    private func base(centroids: FeatureVectors? = nil) -> ParameterVector {
        var base = ParameterVector(zeros: layout.elementCount)
        base.withMutableElements { elements in
            model.initialParameters(seed: Seed(3)).withElements { _ = elements.update(fromContentsOf: $0) }
            for (index, value) in (centroids?.values ?? []).enumerated() {
                elements[tensors.centroids.lowerBound + index] = value
            }
            for index in tensors.weights where centroids != nil { elements[index] = 0.5 }
        }
        return base
    }

    private func train(
        _ samples: Samples,
        round: Int = 3,
        settings: [String: Double] = [:],
        base: ParameterVector? = nil,
        seed: UInt64 = 7,
        epochs: Int = 2,
        stopAfter: Int = .max
    ) throws -> (delta: [Float], outcome: TrainingOutcome) {
        let all = settings.merging(["fedossl": 1, "fedossl_seen": 2]) { $1 }
        let methods = try #require(try ClientMethods(settings: all).openWorld)
        let work = OpenWorldTraining(
            model: model,
            specification: .init(localEpochs: epochs, batchSize: 16, learningRate: 0.05, momentum: 0.9),
            settings: methods,
            tensors: tensors,
            round: round
        )
        var delta = ParameterVector(zeros: layout.elementCount)
        let outcome = try delta.withMutableElements { elements in
            try work.train(
                from: base ?? self.base(),
                samples: samples,
                seed: Seed(seed),
                into: elements,
                onStep: { $0.step < stopAfter }
            )
        }
        return (delta.elements, outcome)
    }

    @Test func aTaskHasOneResult() throws {
        let (samples, first) = (Self.samples(80), try train(Self.samples(80)))
        #expect(try train(samples).delta == first.delta)
        #expect(try train(samples, seed: 8).delta != first.delta)
        #expect(first.outcome.steps == 10 && first.outcome.samplesSeen == 160 && first.outcome.sampleCount == 80)
        #expect(first.outcome.meanLoss?.isFinite == true && !first.outcome.wasStopped)
    }

    @Test func itTellsWhatItsDataLookLike() throws {
        let delta = try train(Self.samples(120)).delta
        let shares = delta[tensors.weights]
        // Of 120 samples 30 are labelled, on average.
        #expect(shares.allSatisfy { $0 >= 0 } && abs(shares.reduce(0, +) - 0.75) < 0.12)
        #expect(delta[tensors.centroids].allSatisfy { $0 == 0 })
        let means = FeatureVectors(Array(delta[tensors.means]), width: 6)
        for row in 0..<2 {
            let norm = means[row].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            #expect(norm > 0.5 && norm <= 1.0001)
        }
        let clusters = FeatureVectors(Array(delta[tensors.clusters]), width: 6)
        for row in 0..<5 { #expect(abs(clusters[row].reduce(Float(0)) { $0 + $1 * $1 } - 1) < 1e-4) }
    }

    /// A mean of one sample is that sample's features.
    @Test func smallGroupsAreNotTold() throws {
        let few = try train(Self.samples(20, labelled: 0.6), epochs: 1).delta
        #expect(few[tensors.means].allSatisfy { $0 == 0 })
        let clusters = FeatureVectors(Array(few[tensors.clusters]), width: 6)
        #expect((0..<5).map { row in clusters[row].contains { $0 != 0 } } == [true, true, false, false, false])
        #expect(few[..<tensors.first].contains { $0 != 0 })
    }

    @Test func samplesWithoutLabelsWaitForTheSupervisedRounds() throws {
        let settings = ["fedossl_supervised": 3.0]
        let other = Self.samples(80, seed: 2)
        let early = try train(other, round: 3, settings: settings).delta
        #expect(try train(other, round: 2, settings: settings).delta == early)
        #expect(try train(other, round: 3, settings: ["fedossl_unlabelled": 0]).delta == early)
        #expect(try train(other, round: 4, settings: settings).delta != early)
    }

    @Test func whatCameWithTheModelCounts() throws {
        var generator = SeededGenerator(seed: Seed(4))
        let centroids = FeatureVectors((0..<24).map { _ in Float(generator.normal()) }, width: 6)
        let samples = Self.samples(80)
        func delta(_ round: Int, _ settings: [String: Double]) throws -> [Float] {
            Array(
                try train(samples, round: round, settings: settings, base: base(centroids: centroids)).delta[
                    ..<tensors.first
                ]
            )
        }
        let none = ["fedossl_alignment": 0.0, "fedossl_suppression": 0.0]
        let plain = Array(try train(samples, round: 6).delta[..<tensors.first])
        #expect(try delta(6, none) == plain)
        let aligned = try delta(6, ["fedossl_suppression": 0])
        #expect(aligned != plain)
        #expect(try delta(6, ["fedossl_alignment": 0]) != plain)
        // Two rounds after the warm-up clusters label, too.
        let labels = ["fedossl_suppression": 0.0, "fedossl_floor": 0.3]
        #expect(try delta(7, labels) == aligned)
        #expect(try delta(8, labels) != aligned)
    }

    @Test func itEndsWhenItIsToldTo() throws {
        let stopped = try train(Self.samples(80), stopAfter: 3)
        #expect(stopped.outcome.wasStopped && stopped.outcome.steps == 3)
    }

    @Test func whatCannotBeComparedIsRefused() {
        #expect(throws: LearningError.self) { try train(Self.samples(1)) }
        #expect(throws: LearningError.self) {
            let nan = SampleTable(
                floats: [Float](repeating: .nan, count: 160),
                shape: [8],
                labels: [Int32](repeating: 0, count: 20)
            )
            _ = try train(Samples(nan))
        }
    }

    /// What it learns: groups that nobody labelled get answers of their own.
    @Test func groupsWithoutLabelsAreToldApart() throws {
        var parameters = base()
        let samples = Self.samples(160)
        for round in 1...12 {
            let delta = try train(samples, round: round, base: parameters, seed: UInt64(round), epochs: 4).delta
            parameters.withMutableElements { elements in
                for index in 0..<tensors.first { elements[index] += delta[index] }
            }
        }
        let truth = Samples(
            SampleTable(
                floats: (0..<160).flatMap { Self.samples(160, seed: 9).table.features(of: $0) },
                shape: [8],
                labels: Self.samples(160, seed: 9).table.labels
            )
        )
        let summary = try OpenWorldEvaluation.run(parameters, model: model, tensors: tensors, samples: truth)
        let accuracies = try #require(summary.answers).accuracies
        #expect(summary.sampleCount == 160 && summary.answers?.sampleCount == 160)
        #expect(accuracies.seen > 0.8 && accuracies.unseen > 0.7, "\(accuracies)")
        #expect(summary.loss.isFinite && summary.loss > 0)
        #expect(throws: LearningError.self) {
            try OpenWorldEvaluation.run(parameters, model: model, tensors: tensors, samples: samples)
        }
    }

    @Test(arguments: ["softmax", "small-cnn"]) func modelsWithoutAVectorOfFeaturesAreRefused(kind: String) throws {
        let model = try ModelArchitecture(.init(kind: kind, input: [8, 8], classes: 4))
        #expect(throws: AdaptationError.self) { try OpenWorldHead.width(model) }
    }
}
