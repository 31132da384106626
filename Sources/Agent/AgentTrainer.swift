// SPDX-License-Identifier: Apache-2.0

import Digest
import Dispatch
public import Learning
import Ledger
import ModelState
import Randomness
import RoundWork
public import Rounds
import Synchronization
import UpdateCoding

/// Trains and evaluates on a site's data, on one thread of its own, and keeps the model that is being loaded.
///
/// Models are stored on the loop as they arrive; everything else happens on the training thread, one thing at a time.
public final class AgentTrainer: @unchecked Sendable {
    // Sendable: `incoming` belongs to the loop, `trainer`, `model` and `spares` to the serial queue, the rest has
    // locks.

    /// What training gave.
    public enum Result: Sendable {
        /// The update lies in the outbox.
        case trained(UpdateOffer)
        /// It failed.
        case failed(ReasonCode, String)
        /// It was withdrawn.
        case aborted
    }

    /// Why an evaluation failed.
    public struct Failure: Error, Sendable {
        /// The stable reason.
        public let reason: ReasonCode
        /// One line for a person.
        public let message: String
    }

    private let data: Dataset
    private let queue = DispatchQueue(label: "tributary.agent.training")
    private var incoming: IncomingModel?
    private var model: (digest: BlobDigest, vector: ParameterVector)?
    private var trainer: LocalTrainer?
    private var spares = VectorPool()
    private let spareModel = SpareModel()
    private let aborted = KeyFlags()
    private static let progressInterval: Duration = .seconds(1)

    /// Creates a trainer for a site's samples.
    public init(data: Dataset) {
        self.data = data
    }

    // MARK: - Models

    /// Keeps a piece of a model that is being loaded; called on the loop.
    func store(_ slice: ByteSlice, at offset: Int, of reference: ModelReference) {
        if incoming?.reference.digest != reference.digest {
            incoming = IncomingModel(reference: reference, memory: spareModel)
        }
        incoming?.store(slice, at: offset)
    }

    /// Checks and decodes the loaded model; called on the loop, completes on the training thread.
    func check(
        _ reference: ModelReference,
        _ layout: TensorLayout,
        completion: @escaping @Sendable (Bool) -> Void
    ) {
        guard let loaded = incoming, loaded.reference.digest == reference.digest else { return completion(false) }
        incoming = nil
        queue.async { [self] in
            guard let vector = loaded.decode(layout: layout) else { return completion(false) }
            if let replaced = model?.vector { spareModel.give(replaced) }
            model = (reference.digest, vector)
            completion(true)
        }
    }

    // MARK: - Tasks

    /// Trains, codes and stores an update; completes on the training thread.
    func train(
        _ task: TrainTask,
        outbox: any UpdateOutbox,
        onProgress: @escaping @Sendable (UInt64, UInt64) -> Void,
        completion: @escaping @Sendable (Result) -> Void
    ) {
        queue.async { [self] in
            guard !aborted.take(task.key) else { return completion(.aborted) }
            do {
                let offer = try run(task, outbox, onProgress)
                completion(aborted.take(task.key) ? .aborted : .trained(offer))
            } catch is Aborted {
                aborted.clear(task.key)
                completion(.aborted)
            } catch {
                let failure = Self.failure(error)
                completion(.failed(failure.reason, failure.message))
            }
        }
    }

    /// Ends the training of this key as soon as its current step is done.
    func abort(_ key: UpdateKey) {
        aborted.set(key)
    }

    private struct Aborted: Error {}

    private func run(
        _ task: TrainTask,
        _ outbox: any UpdateOutbox,
        _ onProgress: (UInt64, UInt64) -> Void
    ) throws -> UpdateOffer {
        let clock = ContinuousClock()
        let begin = clock.now
        let parameters = try heldModel(task.base)
        let codec = try codec(task.codec)
        let trainer = try trainer(for: task.model, task.layout)
        let samples = try Self.trainingSamples(data, task.training)
        var delta = spares.take(count: parameters.count)
        var lastReport = begin
        var trainedSamples = 0
        let outcome = try delta.withMutableElements { elements in
            try trainer.train(
                parameters: parameters,
                samples: samples,
                specification: task.training,
                seed: Seed(task.seed),
                into: elements
            ) { progress in
                trainedSamples = progress.samplesSeen
                if clock.now - lastReport >= Self.progressInterval {
                    lastReport = clock.now
                    onProgress(UInt64(progress.step), UInt64(progress.plannedSteps))
                }
                return !aborted.isSet(task.key)
            }
        }
        guard !outcome.wasStopped else { throw Aborted() }
        let trainingTime = clock.now - begin
        let coded = try CodedUpdate(
            delta,
            codec: codec,
            layout: task.layout,
            seed: Seed(task.seed).deriving("code")
        )
        let offer = UpdateOffer(
            key: task.key,
            digest: coded.digest,
            byteCount: coded.bytes.count,
            codec: task.codec,
            weight: Double(max(outcome.sampleCount, 1)),
            steps: UInt64(outcome.steps),
            trainedSamples: UInt64(trainedSamples),
            loss: outcome.meanLoss ?? 0,
            trainingTime: trainingTime,
            base: task.base.digest
        )
        try outbox.store(offer, sharing: coded.bytes)
        spares.lend(delta, to: task.key)
        return offer
    }

    /// Evaluates on the held-out samples; completes on the training thread.
    func evaluate(
        _ task: EvaluateTask,
        completion: @escaping @Sendable (Swift.Result<EvaluationSummary, Failure>) -> Void
    ) {
        queue.async { [self] in
            do {
                let parameters = try heldModel(task.base)
                let trainer = try trainer(for: task.model, task.layout)
                guard let test = data.test else { return completion(.success(EvaluationSummary())) }
                let outcome = try trainer.evaluate(parameters: parameters, samples: Samples(test))
                completion(
                    .success(
                        EvaluationSummary(
                            sampleCount: UInt64(outcome.sampleCount),
                            correctCount: UInt64(outcome.correctCount),
                            lossSum: outcome.lossSum
                        )
                    )
                )
            } catch {
                completion(.failure(Self.failure(error)))
            }
        }
    }

    /// The outbox let go of an update: its memory serves the next one.
    func recycle(_ key: UpdateKey) {
        queue.async { [self] in spares.giveBack(key) }
    }

    // MARK: - Parts

    /// The site's samples; a trainer that trains nothing does without.
    private static func trainingSamples(_ data: Dataset, _ training: TrainingSpecification) throws -> Samples {
        if training.trainer == "none", data.train == nil {
            return Samples(SampleTable(bytes: [], shape: [1], labels: []))
        }
        return Samples(try data.requireTrain())
    }

    private func heldModel(_ reference: ModelReference) throws -> ParameterVector {
        guard let model, model.digest == reference.digest else {
            throw Failure(reason: .unknownBlob, message: "the task's model is not the one that was loaded")
        }
        return model.vector
    }

    private func codec(_ specification: String) throws -> any UpdateCodec {
        do {
            return try CodecRegistry.codec(specification)
        } catch {
            throw Failure(reason: .unknownCodec, message: "\(error)")
        }
    }

    private func trainer(for specification: ModelSpecification, _ layout: TensorLayout) throws -> LocalTrainer {
        let architecture = try ModelArchitecture(specification)
        guard architecture.layout == layout else {
            throw Failure(
                reason: .unknownModel,
                message: "the task's tensors are not those of model '\(specification.kind)' in this version"
            )
        }
        if let trainer, trainer.model == architecture { return trainer }
        let fresh = LocalTrainer(model: architecture)
        trainer = fresh
        return fresh
    }

    private static func failure(_ error: any Error) -> Failure {
        switch error {
        case let failure as Failure:
            return failure
        case let error as LearningError:
            return Failure(reason: error.reason, message: error.message)
        default:
            return Failure(reason: .trainerFailed, message: "\(error)")
        }
    }
}
