// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Digest
import Dispatch
import FoundationEssentials
import Learning
import Ledger
import ModelState
import Randomness
import RoundWork
import Rounds

/// What an adaptation job computes: models, batches, updates. Everything happens on a serial queue of the job's own.
final class AdaptationWork: @unchecked Sendable {
    // Sendable: everything but the queue, which never changes, belongs to the queue.

    let queue: DispatchQueue
    private let store: SampleStore
    private var models: AdaptationModels?
    private var clouds: [AgentID: CloudEnd] = [:]

    init(_ job: JobID, store: SampleStore) {
        self.store = store
        queue = DispatchQueue(label: "tributary.coordinator.\(job)")
    }

    /// Loads models and plan.
    ///
    /// - Throws: `SpecificationError`, `ModelStateError`, `LearningError`, `AdaptationError`.
    func prepare(_ specification: JobSpecification) throws -> (PreparedAdaptation, source: ByteSlice) {
        let models = try AdaptationModels(specification, loading: true)
        // A first cloud, so that what cannot work is known at once.
        _ = try models.makeCloud(seed: Seed(specification.seed))
        self.models = models
        let (bytes, owner) = models.source.sharedBytes
        let source = ByteSlice(bytes, owner: owner)
        let reference = ModelReference(
            round: .initial,
            digest: BlobDigest(hashing: source),
            byteCount: source.count,
            codec: "fp32"
        )
        return (
            PreparedAdaptation(
                base: reference,
                layout: models.device.layout,
                plan: try models.devicesPlan(specification),
                bytesPerDay: models.plan.bytesPerDay
            ), source
        )
    }

    /// Checks a batch and brings it to stable storage; gives why not.
    func store(_ samples: KeptSamples, _ bytes: [UInt8]) -> AdaptationInput {
        guard bytes.withUnsafeBytes({ BlobDigest(hashing: $0) }) == samples.digest else {
            return .storeFailed(samples.key, .digestMismatch, "the bytes do not have the digest that was offered")
        }
        do {
            guard let models else { preconditionFailure("an adaptation job is prepared before samples come") }
            let batch = try models.read(bytes)
            guard batch.samples.count == samples.sampleCount else {
                return .storeFailed(samples.key, .undecodable, "\(batch.samples.count) samples, not as many as offered")
            }
            try store.store(samples.key, bytes)
            return .stored(samples.key)
        } catch let error as AdaptationError {
            let reason: ReasonCode = error.code == .notFinite ? .notFinite : .undecodable
            return .storeFailed(samples.key, reason, error.message)
        } catch {
            return .storeFailed(samples.key, .storageFailed, "\(error)")
        }
    }

    /// Learns from a stored batch.
    func learn(_ samples: KeptSamples, generation: UInt32, jobSeed: UInt64) -> LearntSamples {
        do {
            let bytes = try store.load(samples.key)
            guard let result = try cloud(of: samples.key.agent, generation, jobSeed).learn(bytes) else {
                return LearntSamples(key: samples.key, message: "no sample was learnt from")
            }
            return LearntSamples(
                key: samples.key,
                environment: result.environment,
                version: result.version,
                digest: result.bytes.withUnsafeBytes { BlobDigest(hashing: $0) },
                data: result.bytes
            )
        } catch {
            return LearntSamples(key: samples.key, message: "\(error)")
        }
    }

    /// Forgets what was learnt from an agent's samples and deletes them.
    ///
    /// - Throws: `LedgerError`.
    func purge(_ receipt: PurgeReceipt) throws {
        clouds[receipt.agent] = nil
        try store.remove(receipt.job, receipt.agent, through: receipt.lastSequence)
    }

    private func cloud(of agent: AgentID, _ generation: UInt32, _ jobSeed: UInt64) throws -> CloudEnd {
        if let cloud = clouds[agent] { return cloud }
        guard let models else { preconditionFailure("an adaptation job is prepared before samples come") }
        let seed = Seed(jobSeed).deriving("device", agent.name)
        let cloud = try models.makeCloud(seed: seed, after: generation << 20)
        clouds[agent] = cloud
        return cloud
    }
}

/// The models and the plan of an adaptation job.
struct AdaptationModels {
    let plan: AdaptationPlan
    let device: ModelArchitecture
    let teacher: ModelArchitecture
    let source: ParameterVector
    private let teacherParameters: ParameterVector

    /// Reads a specification and, with `loading`, its files; otherwise parameters are zeros.
    ///
    /// - Throws: `SpecificationError`, `ModelStateError`, `LearningError`.
    init(_ specification: JobSpecification, loading: Bool) throws {
        guard let part = specification.adaptation else {
            throw SpecificationError(.missingKey, "'adaptation' is missing")
        }
        plan = try JSONDecoder().decode(AdaptationPlan.self, from: JSONEncoder().encode(part))
        guard let sourcePath = plan.source, let teacher = plan.teacher else {
            throw SpecificationError(
                .missingKey,
                "'adaptation.source' and 'adaptation.teacher' are missing; they name the models' safetensors files"
            )
        }
        device = try ModelArchitecture(specification.model)
        self.teacher = try ModelArchitecture(teacher.model)
        guard device.input == self.teacher.input, device.classCount == self.teacher.classCount else {
            throw SpecificationError(.invalidValue, "'adaptation.teacher.model' needs the input and classes of 'model'")
        }
        guard loading else {
            source = ParameterVector(zeros: device.layout.elementCount)
            teacherParameters = ParameterVector(zeros: self.teacher.layout.elementCount)
            // Opened, so that a wrong path is told when the job is submitted.
            _ = try Self.file(sourcePath, device)
            _ = try Self.file(teacher.parameters, self.teacher)
            return
        }
        source = try Self.file(sourcePath, device).readVector()
        teacherParameters = try Self.file(teacher.parameters, self.teacher).readVector()
        guard source.isFinite, teacherParameters.isFinite else {
            throw SpecificationError(.invalidValue, "a model's file holds a value that is not finite")
        }
    }

    private static func file(_ path: String, _ model: ModelArchitecture) throws -> SafetensorsFile {
        let file = try SafetensorsFile(path: path)
        guard file.layout.elementCount == model.layout.elementCount else {
            throw SpecificationError(
                .invalidValue,
                "\(path) has \(file.layout.elementCount) parameters, the model \(model.layout.elementCount)"
            )
        }
        return file
    }

    func read(_ bytes: [UInt8]) throws -> SampleBatch {
        try SampleBatch(
            decoding: bytes,
            coding: plan.coding,
            shape: SampleShape(device.input),
            statisticsCount: DeltaLayout(device.layout, parts: [.statistics]).count
        )
    }

    func makeCloud(seed: Seed, after version: UInt32 = 0) throws -> CloudEnd {
        try CloudEnd(
            plan,
            device: device,
            source: source,
            teacher: teacher,
            teacherParameters: teacherParameters,
            seed: seed,
            after: version
        )
    }

    /// What devices are told: nothing about files, nor about how the cloud learns.
    func devicesPlan(_ specification: JobSpecification) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let part = specification.adaptation?.without(AdaptationPlan.coordinatorsKeys)
        return String(decoding: try encoder.encode(part), as: UTF8.self)
    }
}
