// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
public import Randomness

/// The cloud's end for one device: labels what arrives with the teacher, learns a prompt and a delta from it, and says
/// what the device is sent.
///
/// Everything follows from the seed and the batches in their order.
public final class CloudEnd {
    /// What a batch gave.
    public struct Result: Sendable {
        /// The environment, as the device numbers it.
        public let environment: UInt32
        /// The update's version.
        public let version: UInt32
        /// The update.
        public let bytes: [UInt8]
    }

    /// The plan.
    public let plan: AdaptationPlan
    /// The samples' shape.
    public let shape: SampleShape
    private let teacher: CloudTeacher
    private let learner: CloudLearner
    private let promptShape: PromptShape?
    /// The prompts as they were sent last, by environment.
    private var sent: [UInt32: VisualPrompt] = [:]

    /// Creates the end for a device that was delivered with `source`.
    ///
    /// - Parameter version: updates are numbered from the one after it.
    /// - Throws: ``AdaptationError``, ``LearningError``.
    public init(
        _ plan: AdaptationPlan,
        device: ModelArchitecture,
        source: ParameterVector,
        teacher: ModelArchitecture,
        teacherParameters: ParameterVector,
        seed: Seed,
        after version: UInt32 = 0
    ) throws {
        self.plan = plan
        shape = try SampleShape(device.input)
        promptShape = try plan.prompt.map { try PromptShape(sample: device.input, region: $0) }
        self.teacher = try CloudTeacher(model: teacher, parameters: teacherParameters, configuration: plan.cloud)
        learner = try CloudLearner(
            model: device,
            source: source,
            layout: DeltaLayout(device.layout, parts: plan.delta),
            configuration: plan.cloud,
            seed: seed.deriving("cloud"),
            after: version
        )
    }

    /// Reads a batch without learning from it.
    ///
    /// - Throws: ``AdaptationError``.
    public func read(_ bytes: [UInt8]) throws -> SampleBatch {
        try SampleBatch(
            decoding: bytes,
            coding: plan.coding,
            shape: shape,
            statisticsCount: learner.statisticsLayout.count
        )
    }

    /// Learns from a batch.
    ///
    /// - Returns: the update for the device; nil where nothing was learnt.
    /// - Throws: ``AdaptationError``, ``LearningError``; the learner then stays as it was.
    public func learn(_ bytes: [UInt8]) throws -> Result? {
        let batch = try read(bytes)
        let labels = try teacher.label(batch.samples.flatMap(\.image))
        let samples = zip(batch.samples, labels).map {
            CloudSample(image: $0.image, label: $1, uncertainty: $0.uncertainty)
        }
        let inherited = batch.parent.flatMap { sent[$0] } ?? promptShape.map { VisualPrompt($0) }
        let update = try learner.learn(
            environment: Int(batch.environment),
            from: inherited,
            samples: samples,
            statistics: batch.statistics
        )
        guard let update else { return nil }
        let bytes = try update.encoded()
        let received = try AdaptationUpdate(decoding: bytes, shape: promptShape, layout: learner.layout)
        sent[update.environment] = received.state.prompt
        if sent.count > 4 * plan.cloud.environments, let oldest = sent.keys.min() { sent[oldest] = nil }
        return Result(environment: update.environment, version: update.version, bytes: bytes)
    }
}
