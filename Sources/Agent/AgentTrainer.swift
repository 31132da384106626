// SPDX-License-Identifier: Apache-2.0

import Digest
import Dispatch
public import Learning
public import Ledger
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
    let memories: AgentMemoryStore
    /// The memory of the job that trained last.
    private var memory: (job: JobID, value: ClientMemory)?
    private let queue = DispatchQueue(label: "tributary.agent.training")
    private var incoming: IncomingModel?
    private var model: (digest: BlobDigest, vector: ParameterVector)?
    private var trainer: LocalTrainer?
    private var spares = VectorPool()
    private let spareModel = SpareModel()
    private let aborted = KeyFlags()
    private static let progressInterval: Duration = .seconds(1)

    /// Creates a trainer for a site's samples.
    ///
    /// - Parameter memories: what the agent remembers of jobs between rounds.
    public init(data: Dataset, memories: AgentMemoryStore) {
        self.data = data
        self.memories = memories
    }

    // MARK: - Models

    /// Keeps a piece of a model that is being loaded; called on the loop.
    func store(_ slice: ByteSlice, at offset: Int, of part: ModelReference.Part) {
        if incoming?.part != part { incoming = IncomingModel(part: part, memory: spareModel) }
        incoming?.store(slice, at: offset)
    }

    /// Checks and decodes the loaded part, which becomes the model or is added to it; called on the loop, completes on
    /// the training thread.
    func check(
        _ part: ModelReference.Part,
        _ layout: TensorLayout,
        after: BlobDigest?,
        completion: @escaping @Sendable (Bool) -> Void
    ) {
        guard let loaded = incoming, loaded.part == part else { return completion(false) }
        incoming = nil
        queue.async { [self] in
            guard let vector = loaded.decode(layout: layout) else { return completion(false) }
            if let after {
                guard var held = model, held.digest == after, held.vector.count == vector.count else {
                    return completion(false)
                }
                model = nil
                held.vector.add(vector)
                model = (part.digest, held.vector)
            } else {
                if let replaced = model?.vector { spareModel.give(replaced) }
                model = (part.digest, vector)
            }
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
        let base = try heldModel(task.base)
        let work = try work(for: task)
        let trainer = trainer(for: work.architecture)
        let samples = try Self.trainingSamples(data, task.training)
        var memory = work.remembers ? try remembered(task.key.job) : ClientMemory()
        work.settle(&memory)
        var delta = spares.take(count: base.count)
        var lastReport = clock.now
        let result = try work.train(
            base: base,
            samples: samples,
            trainer: trainer,
            memory: memory,
            into: &delta
        ) { progress in
            if clock.now - lastReport >= Self.progressInterval {
                lastReport = clock.now
                onProgress(UInt64(progress.step), UInt64(progress.plannedSteps))
            }
            return !aborted.isSet(task.key)
        }
        guard !result.outcome.wasStopped else { throw Aborted() }
        let bytes = try work.code(delta, state: result.state, memory: &memory)
        if work.remembers { try remember(memory, of: task.key.job) }
        let offer = UpdateOffer(task, result, bytes: bytes)
        try outbox.store(offer, sharing: bytes)
        spares.lend(delta, to: task.key)
        return offer
    }

    // MARK: - Memory

    private func remembered(_ job: JobID) throws -> ClientMemory {
        if let memory, memory.job == job { return memory.value }
        guard let bytes = try memories.load(job) else { return ClientMemory() }
        do {
            return try ClientMemory(PackedState(decoding: ByteSlice(copying: bytes)))
        } catch {
            // Written whole or not at all, so this is a disk's fault; going on without is what a new agent does.
            return ClientMemory()
        }
    }

    /// Brings the memory to disk before the update enters the outbox; until the update counts, the memory holds both
    /// what was before it and what is after.
    private func remember(_ value: ClientMemory, of job: JobID) throws {
        let packed = value.packed
        try memories.store(job) { (append) throws(LedgerError) in try packed.write(append) }
        memory = (job, value)
    }

    /// Evaluates on the held-out samples; completes on the training thread.
    func evaluate(
        _ task: EvaluateTask,
        completion: @escaping @Sendable (Swift.Result<EvaluationSummary, Failure>) -> Void
    ) {
        queue.async { [self] in
            do {
                let base = try heldModel(task.base)
                let architecture = try ModelArchitecture(task.model)
                guard let test = data.test else { return completion(.success(EvaluationSummary())) }
                completion(.success(try evaluation(task, base, architecture, Samples(test))))
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

    /// Gives the loaded model; nil where another one is loaded. Completes on the training thread.
    func provide(_ reference: ModelReference, completion: @escaping @Sendable (ParameterVector?) -> Void) {
        queue.async { [self] in completion(try? heldModel(reference)) }
    }

    private func heldModel(_ reference: ModelReference) throws -> ParameterVector {
        guard let model, model.digest == reference.digest else {
            throw Failure(reason: .unknownBlob, message: "the task's model is not the one that was loaded")
        }
        return model.vector
    }

    private func work(for task: TrainTask) throws -> ClientWork {
        do {
            let known = trainer.flatMap { try? ModelArchitecture(task.model) == $0.model ? $0.model : nil }
            return try ClientWork(task, architecture: known)
        } catch let mismatch as ClientWork.Mismatch {
            throw Failure(reason: .unknownModel, message: "\(mismatch)")
        } catch let error as UpdateCodingError {
            throw Failure(reason: .unknownCodec, message: "\(error)")
        }
    }

    private func evaluation(
        _ task: EvaluateTask,
        _ base: ParameterVector,
        _ architecture: ModelArchitecture,
        _ samples: Samples
    ) throws -> EvaluationSummary {
        try ClientEvaluation.run(
            base,
            layout: task.layout,
            samples: samples,
            memory: remembered(task.job),
            trainer: trainer(for: architecture)
        )
    }

    private func trainer(for architecture: ModelArchitecture) -> LocalTrainer {
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
