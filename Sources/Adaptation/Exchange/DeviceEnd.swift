// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Learning
public import ModelState
public import Randomness
internal import Selection

/// The device's end: answers its stream batch by batch with what adapts its model, chooses what is worth sending, and
/// applies what the cloud learnt.
///
/// It does the same over a network and in a simulation.
public struct DeviceEnd {
    /// What became of a batch.
    public struct Step: Sendable {
        /// One row of logits for each sample.
        public let logits: [Float]
        /// The mean finite score.
        public let uncertainty: Double
        /// The rows that are worth sending, ascending.
        public let chosen: [Int]
    }

    /// The plan.
    public let plan: AdaptationPlan
    /// The samples' shape.
    public let shape: SampleShape
    /// The temperature that was fitted on the device's held-out samples.
    public let calibration: DeviceCalibration
    /// What is in force.
    public private(set) var state: DeviceState
    private let scale: EnvironmentScale
    private let model: DeviceModel
    private let scorer: DeviceScorer
    private let augmentation: AugmentationPasses?
    private let entropy: UncertaintyScorer
    private let seed: Seed
    private var choice: UplinkChoice
    private var last = LastBatch()

    /// The batch that was answered last: updates are judged by what was not sent of it.
    private struct LastBatch {
        var images: [Float] = []
        var logits: [Float] = []
        var chosen: [Int] = []
        var environment = 0
        var statistics: [Float] = []
        var first = 0
    }

    /// Creates the end of a live stream, which sends by uncertainty.
    ///
    /// - Parameters:
    ///   - heldOut: labelled clean samples of the device's own: its temperature is fitted on them, and environments
    ///     are told apart by how they differ from them.
    /// - Throws: ``AdaptationError``, ``LearningError``, ``SelectionError``.
    public init(
        _ plan: AdaptationPlan,
        model: ModelArchitecture,
        source: ParameterVector,
        heldOut: SampleTable,
        seed: Seed
    ) throws {
        let logits = try SourceModel(model: model, source: source).answerAll(heldOut)
        let calibration = try DeviceCalibration(
            plan.calibration,
            logits: logits,
            classCount: model.classCount,
            labels: heldOut.labels
        )
        try self.init(
            plan,
            model: model,
            source: source,
            calibration: calibration,
            scale: EnvironmentScale(heldOut),
            choice: UplinkChoice(live: plan.upload, seed: seed),
            seed: seed
        )
    }

    init(
        _ plan: AdaptationPlan,
        model: ModelArchitecture,
        source: ParameterVector,
        calibration: DeviceCalibration,
        scale: EnvironmentScale,
        choice: UplinkChoice,
        seed: Seed
    ) throws {
        self.plan = plan
        self.calibration = calibration
        self.scale = scale
        self.choice = choice
        self.seed = seed
        shape = try SampleShape(model.input)
        let layout = DeltaLayout(model.layout, parts: plan.delta)
        self.model = try DeviceModel(model: model, source: source, layout: layout)
        scorer = try DeviceScorer(
            plan.upload.score,
            temperature: calibration.temperature,
            model: model,
            passCount: plan.upload.passes
        )
        let isAugmented = plan.upload.passesBy == .augmentation && plan.upload.score.comparesPasses
        augmentation =
            isAugmented
            ? try AugmentationPasses(passCount: plan.upload.passes, height: shape.height, width: shape.width) : nil
        entropy = try UncertaintyScorer(.entropy, temperature: calibration.temperature)
        state = try DeviceState(
            shape: plan.prompt.map { try PromptShape(sample: model.input, region: $0) },
            layout: layout,
            capacity: plan.cloud.environments,
            radius: plan.environmentRadius,
            inheritance: plan.inheritance
        )
    }

    /// Takes up what was in force before a restart.
    ///
    /// - Throws: ``AdaptationError``; the device then stays as it was.
    public mutating func restore(_ snapshot: DeviceSnapshot) throws { try state.restore(snapshot) }

    /// How often the gate decided so, by its reasons' names; empty where samples are not chosen by a gate.
    public var decisions: [String: Int] { choice.decisions }

    /// Answers a batch.
    ///
    /// - Parameters:
    ///   - images: whole finite samples that follow each other without gaps.
    ///   - first: the number of the first one in the stream.
    /// - Throws: ``LearningError``, ``SelectionError``, ``AdaptationError``.
    public mutating func answer(_ images: [Float], first: Int) throws -> Step {
        let (number, _) = state.environment(of: scale.key(of: images))
        let current = state.state(in: number)
        state.count(try model.measure(images), to: number)
        let statistics = state.statistics(of: number, count: model.statistics.count)
        let answer = try model.answer(images, in: current, statistics: statistics)
        let scores = try scores(of: images, answer, first, in: current, statistics)
        let chosen = try choice.rows(
            first: first,
            scores: scores,
            features: answer.features,
            bytes: SampleBatch.sampleBytes(plan.coding, shape)
        )
        last = LastBatch(
            images: images,
            logits: answer.logits,
            chosen: chosen,
            environment: number,
            statistics: statistics,
            first: first
        )
        let finite = scores.filter(\.isFinite)
        let mean = finite.isEmpty ? 0 : finite.reduce(0, +) / Double(finite.count)
        return Step(logits: answer.logits, uncertainty: mean, chosen: chosen)
    }

    private func scores(
        of images: [Float],
        _ answer: DeviceModel.Answer,
        _ first: Int,
        in current: AdaptationState,
        _ statistics: [Float]
    ) throws -> [Double] {
        let seed = seed.deriving("passes", UInt64(first))
        if let augmentation {
            let all = try augmentation.logits(of: images, imageSize: shape.count, seed: seed) {
                try model.answer($0, in: current, statistics: statistics).logits
            }
            return try scorer.scores(passes: all, classCount: model.model.classCount)
        }
        return try scorer.scores(
            logits: answer.logits,
            features: answer.features,
            parameters: model.parameters(of: current, statistics: statistics),
            model: model.model,
            seed: seed
        )
    }

    /// What of the last batch is sent; nil for nothing.
    ///
    /// - Parameter fields: what may go beside the pixels.
    /// - Throws: ``SelectionError``.
    public func batch(fields: Set<SampleField> = Set(SampleField.allCases)) throws -> SampleBatch? {
        guard !last.chosen.isEmpty, fields.contains(.pixels) else { return nil }
        let classes = model.model.classCount
        let answers = last.chosen.flatMap { last.logits[($0 * classes)..<(($0 + 1) * classes)] }
        let entropies = try LogitRows.with(answers, classCount: classes) { try entropy.scores($0) }
        let largest = Float(Glibc.log(Double(classes)))
        let samples = zip(last.chosen, entropies).map { row, entropy in
            SampleBatch.Sample(
                number: UInt32(truncatingIfNeeded: last.first + row),
                uncertainty: entropy.isFinite && fields.contains(.uncertainty) ? Float(entropy) / largest : 0,
                image: Array(last.images[(row * shape.count)..<((row + 1) * shape.count)])
            )
        }
        return SampleBatch(
            environment: UInt32(clamping: last.environment),
            parent: state.parent(of: last.environment),
            statistics: fields.contains(.statistics) ? last.statistics : [],
            samples: samples
        )
    }

    /// Applies an update, judged by samples of the last batch that were not sent; by all of it where too few were kept.
    ///
    /// - Throws: ``AdaptationError``; the device then stays as it was.
    public mutating func apply(_ bytes: [UInt8]) throws -> DeviceState.Outcome {
        let size = shape.count
        let gone = Set(last.chosen)
        let kept = (0..<(last.images.count / size)).filter { !gone.contains($0) }
        let held = kept.count >= 8 ? kept.flatMap { last.images[($0 * size)..<(($0 + 1) * size)] } : last.images
        let statistics = last.statistics
        return try state.apply(bytes, tolerance: plan.rollbackTolerance) { [model] state in
            guard !held.isEmpty else { return 0 }
            let answer = try model.answer(held, in: state, statistics: statistics)
            return HeldOutScore.information(logits: answer.logits, classCount: model.model.classCount)
        }
    }
}
