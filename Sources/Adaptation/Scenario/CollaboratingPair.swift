// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness

/// A device and its cloud that exchange the bytes that they exchange over a network: the device answers each batch,
/// sends some samples, and applies what the cloud learnt from them before the next batch.
struct CollaboratingPair {
    /// What became of a batch.
    struct Step {
        let logits: [Float]
        /// The mean finite score.
        let uncertainty: Double
        /// The numbers of the samples that were sent.
        let sent: [Int]
    }

    private let cloud: CloudEnd
    private var device: DeviceEnd

    init(_ world: AdaptationWorld, _ scenario: AdaptationScenario, _ method: AdaptationScenario.Method) throws {
        let plan = AdaptationPlan(scenario)
        let shape = try SampleShape(world.device.input)
        cloud = try CloudEnd(
            plan,
            device: world.device,
            source: world.source,
            teacher: world.teacher,
            teacherParameters: world.teacherParameters,
            seed: world.seed
        )
        device = try DeviceEnd(
            plan,
            model: world.device,
            source: world.source,
            calibration: world.calibration,
            scale: world.scale,
            choice: UplinkChoice(
                method,
                upload: scenario.upload,
                sampleCount: world.stream.count,
                sampleBytes: SampleBatch.sampleBytes(plan.coding, shape),
                seed: world.seed
            ),
            seed: world.seed
        )
    }

    /// Answers a batch, then lets the cloud learn from what the device sends of it.
    mutating func answer(_ images: [Float], first: Int, into outcome: inout MethodOutcome) throws -> Step {
        let answer = try device.answer(images, first: first)
        outcome.decisions = device.decisions
        outcome.environments = device.state.environmentCount
        let step = Step(
            logits: answer.logits,
            uncertainty: answer.uncertainty,
            sent: answer.chosen.map { first + $0 }
        )
        guard let batch = try device.batch() else { return step }
        let (bytes, _) = batch.encoded(device.plan.coding, device.shape)
        outcome.samplesSent += batch.samples.count
        outcome.bytesUp += bytes.count
        guard let update = try cloud.learn(bytes) else { return step }
        outcome.updates += 1
        outcome.bytesDown += update.bytes.count
        outcome.largestUpdateBytes = max(outcome.largestUpdateBytes, update.bytes.count)
        _ = try device.apply(update.bytes)
        outcome.rollbacks = device.state.rollbacks
        return step
    }
}
