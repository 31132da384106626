// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness
internal import Rounds
internal import Selection

/// What all methods of one data set and seed share: trained models, calibration, the stream.
struct AdaptationWorld {
    /// The device's model, without dropout.
    let device: ModelArchitecture
    let source: ParameterVector
    let teacher: ModelArchitecture
    let teacherParameters: ParameterVector
    /// The calibration of the device's answers on held-out clean samples.
    let calibration: DeviceCalibration
    let scale: EnvironmentScale
    /// The images in the stream's order.
    let stream: SampleTable
    let phases: [CorruptionSchedule.Phase]
    /// Clean images that were not trained on, and the same number in random environments.
    let clean: SampleTable
    let validation: SampleTable
    let seed: Seed

    /// Trains the models and draws the stream.
    init(_ scenario: AdaptationScenario, data: Dataset, seed: UInt64) throws {
        let seed = Seed(seed).deriving("adaptation")
        let (train, test) = (try data.requireTrain(), try data.requireTest())
        self.seed = seed
        var generator = SeededGenerator(seed: seed.deriving("split"))
        let order = generator.permutation(train.count).map { UInt32(truncatingIfNeeded: $0) }
        let held = min(max(train.count / 20, 16), 2_000)
        let kept = Array(order.dropLast(held))
        source = try Self.train(scenario.device, of: train, kept, seed: seed.deriving("device"))
        device = try ModelArchitecture(Self.withoutDropout(scenario.device.model))
        teacher = try ModelArchitecture(Self.withoutDropout(scenario.teacher.model))
        teacherParameters = try Self.train(scenario.teacher, of: train, kept, seed: seed.deriving("teacher"))
        clean = train.compacted(order.suffix(held))
        validation = try clean.corrupted(
            by: Self.mixture(Array(0..<held), fraction: 1, scenario.streams, seed: seed.deriving("validation"))
        )
        scale = try EnvironmentScale(clean)
        var phases: [CorruptionSchedule.Phase] = []
        for cycle in 0..<scenario.streams.cycles {
            phases += try CorruptionSchedule(
                corruptions: scenario.streams.corruptions,
                strengths: scenario.streams.strengths,
                samplesPerPhase: scenario.streams.samplesPerPhase,
                isGradual: scenario.streams.isGradual,
                seed: seed.deriving("cycle", UInt64(cycle))
            ).phases
        }
        self.phases = phases
        let samples = try CorruptionStream(
            CorruptionSchedule(phases),
            tableCount: test.count,
            seed: seed.deriving("stream")
        )
        stream = try test.corrupted(by: samples)
        let logits = try SourceModel(model: device, source: source).answerAll(clean)
        calibration = try DeviceCalibration(
            scenario.calibration,
            logits: logits,
            classCount: device.classCount,
            labels: clean.labels
        )
    }

    /// Trains a model; the last epoch at a tenth of the rate.
    private static func train(
        _ training: AdaptationScenario.Training,
        of table: SampleTable,
        _ order: [UInt32],
        seed: Seed
    ) throws -> ParameterVector {
        let model = try ModelArchitecture(training.model)
        let picked = Array(order.prefix(training.samples))
        let samples =
            training.corruptedFraction > 0
            ? Samples(
                try table.corrupted(
                    by: mixture(
                        picked.map(Int.init),
                        fraction: training.corruptedFraction,
                        AdaptationScenario(data: []).streams,
                        seed: seed
                    )
                )
            ) : Samples(table, indices: picked[...])
        let trainer = LocalTrainer(model: model)
        var parameters = model.initialParameters(seed: seed.deriving("initial"))
        for (stage, epochs) in [training.epochs, 1].enumerated() {
            let (change, _) = try trainer.train(
                parameters: parameters,
                samples: samples,
                specification: TrainingSpecification(
                    localEpochs: epochs,
                    batchSize: 32,
                    learningRate: stage == 0 ? training.learningRate : training.learningRate / 10,
                    momentum: 0.9
                ),
                seed: seed.deriving("train", UInt64(stage))
            )
            parameters.add(change)
        }
        return parameters
    }

    /// Samples of which a fraction is in a random environment each.
    private static func mixture(
        _ indices: [Int],
        fraction: Double,
        _ streams: AdaptationScenario.Streams,
        seed: Seed
    ) -> [StreamSample] {
        var generator = SeededGenerator(seed: seed.deriving("mixture"))
        return indices.enumerated().map { number, index in
            let isCorrupted = generator.uniform() < fraction
            let corruption = streams.corruptions[generator.below(streams.corruptions.count)]
            let strength = streams.strengths[generator.below(streams.strengths.count)]
            return StreamSample(
                index: index,
                phase: 0,
                environment: isCorrupted ? StreamEnvironment(corruption, strength: strength) : .clean,
                seed: seed.deriving("corruption", UInt64(number))
            )
        }
    }

    /// The same layers without dropout; parameters fit both.
    static func withoutDropout(_ specification: ModelSpecification) -> ModelSpecification {
        var result = specification
        if result.kind == "small-cnn" { result.settings["dropout"] = 0 }
        return result
    }
}

/// The rows and columns of grey images.
struct ImageExtent {
    let height: Int
    let width: Int

    /// Takes `[H, W]`, `[1, H, W]` or `[H, W, 1]`.
    init(_ shape: [Int]) throws {
        let extents = shape.count == 3 ? shape.filter { $0 > 1 } : shape
        guard extents.count == 2 else {
            throw AdaptationError(.shapeMismatch, "samples of shape \(shape) are no grey images")
        }
        (height, width) = (extents[0], extents[1])
    }
}

extension EnvironmentScale {
    /// Learns the scale from the first images of a table of grey images.
    init(_ clean: SampleTable) throws {
        let extent = try ImageExtent(clean.shape)
        let images = (0..<min(clean.count, 1_000)).flatMap { clean.features(of: $0) }
        try self.init(clean: images, height: extent.height, width: extent.width)
    }
}

extension TestTimeAdapter {
    /// The logits of a whole table.
    func answerAll(_ table: SampleTable) throws -> [Float] {
        try stride(from: 0, to: table.count, by: 64).flatMap { start in
            try answer((start..<min(start + 64, table.count)).flatMap { table.features(of: $0) })
        }
    }
}
