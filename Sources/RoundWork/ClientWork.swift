// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Digest
package import Learning
package import ModelState
import Randomness
package import Rounds
import UpdateCoding

/// What a client does with a task, real or virtual: trains, then codes the change.
package struct ClientWork: Sendable {
    /// A finished training.
    package struct Result: Sendable {
        /// What the trainer tells.
        package var outcome: TrainingOutcome
        /// Samples that went through training.
        package var trainedSamples: Int
        /// What training took.
        package var trainingTime: Duration
        /// The methods' state after it.
        package var state: ClientState
    }

    /// The task.
    package let task: TrainTask
    /// The model.
    package let architecture: ModelArchitecture
    /// The client-side methods.
    package let methods: ClientMethods
    /// Whether the agent remembers anything of the job.
    package let remembers: Bool

    /// Prepares the work.
    ///
    /// - Throws: `LearningError` for a model or methods that this version does not have, ``Mismatch`` where the task's
    ///   tensors are not the model's, `UpdateCodingError` for an unknown codec.
    package init(_ task: TrainTask, architecture known: ModelArchitecture? = nil) throws {
        self.task = task
        architecture = try known ?? ModelArchitecture(task.model)
        methods = try ClientMethods(settings: task.training.settings)
        let layout = try TravellingLayout.make(architecture, methods)
        guard layout == task.layout else { throw Mismatch(model: task.model.kind) }
        remembers = try methods.keepsState || CodecRegistry.remembers(task.codec)
    }

    /// Prepares the work of a virtual client, whose tasks are made from the recipe itself.
    package init(_ task: TrainTask, recipe: JobRecipe) {
        self.task = task
        architecture = recipe.architecture
        methods = recipe.methods
        remembers = recipe.agentsRemember
    }

    /// Tells that the coordinator's tensors are not those of the model.
    package struct Mismatch: Error, CustomStringConvertible {
        let model: String

        package var description: String { "the task's tensors are not those of model '\(model)' in this version" }
    }

    /// Learns from the task which update counted last; to be called once, before the training.
    package func settle(_ memory: inout ClientMemory) {
        guard remembers else { return }
        let asked = CountedUpdate(round: task.key.round, attempt: task.key.attempt)
        let outcome = memory.settle(counted: task.counted, asked: asked)
        if let kept = memory.encoder { memory.settleEncoder(kept, task.codec, outcome) }
    }

    /// Trains.
    ///
    /// - Parameters:
    ///   - base: the vector that travelled: the model, and control variates behind it where the job has them.
    ///   - samples: the client's samples.
    ///   - memory: what the client remembers, after ``settle(_:)``.
    ///   - delta: as many elements as `base`; overwritten.
    ///   - onStep: as `LocalTrainer.train` has it.
    package func train(
        base: ParameterVector,
        samples: Samples,
        trainer: LocalTrainer,
        memory: ClientMemory,
        into delta: inout ParameterVector,
        onStep: (TrainingProgress) -> Bool
    ) throws -> Result {
        let begin = ContinuousClock().now
        var trainedSamples = 0
        if let settings = methods.openWorld {
            let training = try openWorldTraining(settings)
            let outcome = try delta.withMutableElements { elements in
                try training.train(from: base, samples: samples, seed: Seed(task.seed), into: elements) { progress in
                    trainedSamples = progress.samplesSeen
                    return onStep(progress)
                }
            }
            return Result(
                outcome: outcome,
                trainedSamples: trainedSamples,
                trainingTime: ContinuousClock().now - begin,
                state: memory.state
            )
        }
        var state = memory.state
        let modelCount = architecture.layout.elementCount
        let isWhole = modelCount == base.count
        let parameters = isWhole ? base : base.section(0..<modelCount)
        let control = isWhole ? nil : base.section(modelCount..<base.count)
        let trained = try delta.withMutableElements { elements in
            try trainer.train(
                parameters: parameters,
                control: control,
                samples: samples,
                specification: task.training,
                methods: methods,
                state: &state,
                seed: Seed(task.seed),
                into: UnsafeMutableBufferPointer(rebasing: elements[..<modelCount]),
                controlDelta: isWhole ? nil : UnsafeMutableBufferPointer(rebasing: elements[modelCount...])
            ) { progress in
                trainedSamples = progress.samplesSeen
                return onStep(progress)
            }
        }
        return Result(
            outcome: trained,
            trainedSamples: trainedSamples,
            trainingTime: ContinuousClock().now - begin,
            state: state
        )
    }

    private func openWorldTraining(_ settings: OpenWorldSettings) throws -> OpenWorldTraining {
        guard let tensors = OpenWorldTensors(of: task.layout) else { throw Mismatch(model: task.model.kind) }
        return OpenWorldTraining(
            model: architecture,
            specification: task.training,
            settings: settings,
            tensors: tensors,
            round: Int(task.key.round.value)
        )
    }

    /// Codes the change and keeps the memory of it.
    package func code(
        _ delta: ParameterVector,
        state: ClientState,
        memory: inout ClientMemory
    ) throws -> ByteSlice {
        let seed = Seed(task.seed).deriving("code")
        guard remembers else {
            return try CodedUpdate.bytes(delta, codec: CodecRegistry.codec(task.codec), layout: task.layout, seed: seed)
        }
        var encoder = try CodecRegistry.encoder(task.codec)
        if let kept = memory.encoder, kept.specification == encoder.specification { try encoder.restore(kept) }
        let bytes: ByteSlice
        if task.codec == "fp32" {
            bytes = try CodedUpdate.bytes(delta, codec: DenseFloatCodec(), layout: task.layout, seed: seed)
        } else {
            var output: [UInt8] = []
            let round = Int(task.key.round.value)
            try encoder.encode(delta, layout: task.layout, seed: seed, round: round, into: &output)
            bytes = ByteSlice(copying: output)
        }
        memory.keep(task, state: state, encoder: encoder.memory)
        return bytes
    }
}

extension LocalTrainer {
    /// The parameters that a client evaluates with: the model that travelled, or its own where its methods keep one.
    package func evaluationParameters(base: ParameterVector, memory: ClientMemory) throws -> ParameterVector {
        let count = model.layout.elementCount
        let global = base.count == count ? base : base.section(0..<count)
        guard !memory.state.isEmpty else { return global }
        let methods = try ClientMethods(settings: memory.settings)
        return localParameters(global: global, methods: methods, state: memory.state)
    }
}

extension UpdateOffer {
    /// Offers what a training gave.
    package init(_ task: TrainTask, _ result: ClientWork.Result, bytes: ByteSlice) {
        self.init(
            key: task.key,
            digest: BlobDigest(hashing: bytes),
            byteCount: bytes.count,
            codec: task.codec,
            weight: Double(max(result.outcome.sampleCount, 1)),
            steps: UInt64(result.outcome.steps),
            trainedSamples: UInt64(result.trainedSamples),
            loss: result.outcome.meanLoss ?? 0,
            trainingTime: result.trainingTime,
            base: task.base.digest,
            initialLoss: result.outcome.initialLoss,
            uncertainty: result.outcome.uncertainty
        )
    }
}

extension ClientMemory {
    /// Settles the codec's open update.
    mutating func settleEncoder(_ kept: EncoderMemory, _ specification: String, _ outcome: EncodingOutcome) {
        guard var encoder = try? CodecRegistry.encoder(specification), (try? encoder.restore(kept)) != nil else {
            return
        }
        encoder.settle(outcome)
        replaceEncoder(encoder.memory)
    }
}

/// The tensors that travel: the model's, and a control variate for each where the job's methods have them, or FedoSSL's
/// (``OpenWorldTensors``).
package enum TravellingLayout {
    /// The layout of a job.
    package static func make(_ architecture: ModelArchitecture, _ methods: ClientMethods) throws -> TensorLayout {
        let tensors = architecture.layout.tensors
        if let settings = methods.openWorld { return try openWorld(architecture, settings) }
        guard methods.sendsControlVariate else { return architecture.layout }
        return try TensorLayout(
            tensors
                + tensors.map {
                    TensorLayout.Tensor(name: TensorLayout.controlPrefix + $0.name, shape: $0.shape, role: $0.role)
                }
        )
    }

    private static func openWorld(
        _ architecture: ModelArchitecture,
        _ settings: OpenWorldSettings
    ) throws -> TensorLayout {
        let (width, classes) = (try OpenWorldHead.width(architecture), architecture.classCount)
        guard classes <= AnswerCounts.maximumClasses else {
            throw LearningError(
                .invalidSpecification,
                "fedossl tells at most \(AnswerCounts.maximumClasses) classes apart, not \(classes); "
                    + "lower model.classes"
            )
        }
        return try TensorLayout(
            architecture.layout.tensors
                + OpenWorldTensors.tensors(
                    classes: classes,
                    seenClasses: settings.seenClasses(of: architecture),
                    width: width,
                    clusterCount: settings.clusterCount
                )
        )
    }
}
