// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Learning
internal import ModelState
internal import Randomness
internal import Selection

/// A device and its cloud: the device answers each batch with what it has, sends some samples, and applies what the
/// cloud learnt from them before the next batch.
struct CollaboratingPair {
    /// What became of a batch.
    struct Step {
        let logits: [Float]
        /// The mean finite score.
        let uncertainty: Double
        /// The numbers of the samples that were sent.
        let sent: [Int]
    }

    /// The bytes of an upload's frame, and of what goes with each sample: its number and its uncertainty.
    private static let (messageBytes, sampleExtraBytes) = (16, 6)
    private let world: AdaptationWorld
    private let tolerance: Double
    private let model: DeviceModel
    private let scorer: DeviceScorer
    private let augmentation: AugmentationPasses?
    private let entropy: UncertaintyScorer
    private let teacher: CloudTeacher
    private let cloud: CloudLearner
    private var device: DeviceState
    private var choice: UplinkChoice

    init(_ world: AdaptationWorld, _ scenario: AdaptationScenario, _ method: AdaptationScenario.Method) throws {
        self.world = world
        tolerance = scenario.rollbackTolerance
        let layout = DeltaLayout(world.device.layout, parts: scenario.delta)
        let shape = try scenario.prompt.map { try PromptShape(sample: world.stream.shape, region: $0) }
        model = try DeviceModel(model: world.device, source: world.source, layout: layout)
        scorer = try DeviceScorer(
            scenario.upload.score,
            temperature: world.calibration.temperature,
            model: world.device,
            passCount: scenario.upload.passes
        )
        augmentation = try world.augmentation(scenario.upload)
        entropy = try UncertaintyScorer(.entropy, temperature: world.calibration.temperature)
        teacher = try CloudTeacher(
            model: world.teacher,
            parameters: world.teacherParameters,
            configuration: scenario.cloud
        )
        cloud = try CloudLearner(
            model: world.device,
            source: world.source,
            layout: layout,
            configuration: scenario.cloud,
            seed: world.seed.deriving("cloud")
        )
        device = try DeviceState(
            shape: shape,
            layout: layout,
            capacity: scenario.cloud.environments,
            radius: scenario.environmentRadius,
            inheritance: scenario.inheritance
        )
        choice = try UplinkChoice(
            method,
            upload: scenario.upload,
            sampleCount: world.stream.count,
            sampleBytes: world.stream.featureCount + Self.sampleExtraBytes,
            seed: world.seed
        )
    }

    /// Answers a batch, then lets the cloud learn from what the device sends of it.
    mutating func answer(_ images: [Float], first: Int, into outcome: inout MethodOutcome) throws -> Step {
        let size = world.stream.featureCount
        let (number, _) = device.environment(of: world.scale.key(of: images))
        let state = device.state(in: number)
        device.count(try model.measure(images), to: number)
        let statistics = device.statistics(of: number, count: model.statistics.count)
        let answer = try model.answer(images, in: state, statistics: statistics)
        let scores = try scores(of: images, answer, first, in: state, statistics)
        let sent = try choice.rows(
            first: first,
            scores: scores,
            features: answer.features,
            bytes: size + Self.sampleExtraBytes
        )
        outcome.decisions = choice.decisions
        outcome.environments = max(outcome.environments, number + 1)
        let finite = scores.filter(\.isFinite)
        let step = Step(
            logits: answer.logits,
            uncertainty: finite.isEmpty ? 0 : finite.reduce(0, +) / Double(finite.count),
            sent: sent.map { first + $0 }
        )
        guard !sent.isEmpty else { return step }
        outcome.samplesSent += sent.count
        outcome.bytesUp += Self.messageBytes + 2 * statistics.count
        outcome.bytesUp += sent.count * (size + Self.sampleExtraBytes)
        let picked = sent.flatMap { images[($0 * size)..<(($0 + 1) * size)] }
        let samples = try cloudSamples(picked, answer.logits, sent)
        guard
            let update = try cloud.learn(
                environment: number,
                from: state.prompt,
                samples: samples,
                statistics: statistics
            )
        else { return step }
        let bytes = try update.encoded()
        outcome.updates += 1
        outcome.bytesDown += bytes.count
        outcome.largestUpdateBytes = max(outcome.largestUpdateBytes, bytes.count)
        try apply(bytes, images, sent, statistics)
        outcome.rollbacks = device.rollbacks
        return step
    }

    /// The scores of a batch's answers.
    private func scores(
        of images: [Float],
        _ answer: DeviceModel.Answer,
        _ first: Int,
        in state: AdaptationState,
        _ statistics: [Float]
    ) throws -> [Double] {
        let seed = world.seed.deriving("passes", UInt64(first))
        if let augmentation {
            let all = try augmentation.logits(of: images, imageSize: world.stream.featureCount, seed: seed) {
                try model.answer($0, in: state, statistics: statistics).logits
            }
            return try scorer.scores(passes: all, classCount: world.device.classCount)
        }
        return try scorer.scores(
            logits: answer.logits,
            features: answer.features,
            parameters: model.parameters(of: state, statistics: statistics),
            model: world.device,
            seed: seed
        )
    }

    /// Applies an update, judged by samples that were not sent; by the whole batch where too few were kept.
    private mutating func apply(_ bytes: [UInt8], _ images: [Float], _ sent: [Int], _ statistics: [Float]) throws {
        let size = world.stream.featureCount
        let rows = images.count / size
        let gone = Set(sent)
        let kept = (0..<rows).filter { !gone.contains($0) }
        let held = kept.count >= 8 ? kept.flatMap { images[($0 * size)..<(($0 + 1) * size)] } : images
        _ = try device.apply(bytes, tolerance: tolerance) { [model, world] state in
            let answer = try model.answer(held, in: state, statistics: statistics)
            return HeldOutScore.information(logits: answer.logits, classCount: world.device.classCount)
        }
    }

    /// What the cloud makes of the samples that arrived.
    private func cloudSamples(_ images: [Float], _ logits: [Float], _ sent: [Int]) throws -> [CloudSample] {
        let (size, classes) = (world.stream.featureCount, world.device.classCount)
        let labels = try teacher.label(images)
        let answers = sent.flatMap { logits[($0 * classes)..<(($0 + 1) * classes)] }
        let entropies = try LogitRows.with(answers, classCount: classes) { try entropy.scores($0) }
        let largest = Float(Glibc.log(Double(classes)))
        return labels.enumerated().map { row, label in
            CloudSample(
                image: Array(images[(row * size)..<((row + 1) * size)]),
                label: label,
                uncertainty: entropies[row].isFinite ? Float(entropies[row]) / largest : 0
            )
        }
    }
}
