// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import ModelState
import Randomness
import RoundWork
import Rounds
import UpdateCoding

extension CoordinatorHost {
    /// Checks a complete update: its digest, its code, its values, its norm.
    func check(_ offer: UpdateOffer, _ rules: CheckRules) -> UpdateCheck {
        let name = CoordinatorDisk.SpoolName(key: offer.key, digest: offer.digest)
        guard let bytes = disk.spools[name]?.bytes else { return .unreadable("the spool is gone") }
        let digest = bytes.withUnsafeBytes { BlobDigest(hashing: $0) }
        guard canary == .skipDigestCheck || digest == offer.digest else {
            return .refused(.digestMismatch, "the bytes are damaged")
        }
        do {
            let decoder = try CodecRegistry.codec(offer.codec).makeDecoder(
                MemoryByteSource(bytes),
                layout: rules.layout,
                seed: Seed(rules.seed).deriving("code")
            )
            var update = ParameterVector(zeros: rules.layout.elementCount)
            try update.withMutableElements { try decoder.decode(into: $0) }
            try decoder.finish()
            guard update.isFinite || canary == .acceptNotFinite else {
                return .refused(.notFinite, "a value is not finite")
            }
            let norm = update.squaredNorm.squareRoot()
            guard rules.maximumNorm == 0 || norm <= rules.maximumNorm else {
                return .refused(.normTooLarge, "a norm of \(norm)")
            }
            return .passed(norm: norm)
        } catch {
            return .refused(.undecodable, "\(error)")
        }
    }

    // MARK: - Models

    /// Provides the model of a round.
    func prepare(_ job: JobID, _ round: RoundNumber, _ specification: JobSpecification) {
        do {
            let recipe = try JobRecipe(specification)
            let initial = try JobModel.initial(recipe: recipe)
            specifications[job] = specification
            recipes[job] = recipe
            let name = CoordinatorDisk.CheckpointName(job: job, round: round)
            guard round == .initial || disk.checkpoints[name] != nil else {
                return handle(.job(job, .modelFailed(.unknownBlob, "the checkpoint of round \(round) is gone")))
            }
            let isStale = canary == .staleModelOnRestart
            let model = isStale ? initial : try load(name, recipe) ?? initial
            publish(model, of: job, round)
            handle(.job(job, .modelReady(model.prepared)))
        } catch {
            handle(.job(job, .modelFailed(.invalidJob, "\(error)")))
        }
    }

    private func load(_ name: CoordinatorDisk.CheckpointName, _ recipe: JobRecipe) throws -> JobModel? {
        guard let checkpoint = disk.checkpoints[name] else { return nil }
        guard recipe.keepsRoundState, canary != .forgetRoundState else {
            return try JobModel(checkpoint.model, round: name.round, recipe: recipe)
        }
        let state = try PackedState(decoding: ByteSlice(copying: checkpoint.state))
        return try JobModel(checkpoint.model, round: name.round, recipe: recipe, state: state)
    }

    /// Makes a model loadable.
    private func publish(_ model: JobModel, of job: JobID, _ round: RoundNumber) {
        models[job, default: [:]][round] = model
        // Until this round is committed, the core serves the two models before it.
        models[job] = models[job]?.filter { $0.key.value + 3 > round.value }
        // Parts of the same bits share one entry.
        served = served.filter { $0.value.job != job }
        for model in (models[job] ?? [:]).values {
            for (part, bytes) in zip(model.prepared.reference.parts, model.parts) {
                served[part.digest] = ServedPart(job: job, bytes: bytes)
            }
        }
    }

    // MARK: - Folding

    /// Combines the updates with the current model.
    func fold(_ job: JobID, _ round: RoundNumber, _ updates: [AcceptedUpdate]) {
        guard let recipe = recipes[job], let base = models[job]?[RoundNumber(round.value - 1)] else { return }
        do {
            let spooled = try VirtualSpooledUpdates(self, recipe, updates)
            let (vector, strategy) = try JobFold.run(
                spooled,
                current: base,
                round: round,
                recipe: recipe,
                memory: SpareVector(nil)
            )
            let model = try JobModel(vector, round: round, recipe: recipe, strategy: strategy, after: base)
            var state: [UInt8] = []
            if recipe.keepsRoundState { model.roundState.write { state += $0 } }
            try disk.write(vector, state: state, to: CoordinatorDisk.CheckpointName(job: job, round: round))
            publish(model, of: job, round)
            handle(.job(job, .folded(model.prepared)))
        } catch let error as AggregationError where error.code == .notFinite {
            // Admission is there to refuse such an update, so that one bad client never stops a job.
            observer?.violation("I3: an update that is not finite came to the fold: \(error.message)")
            handle(.job(job, .foldFailed(.notFinite, error.message)))
        } catch is CoordinatorDisk.FullError {
            handle(.job(job, .foldFailed(.storageFailed, "no space left on device")))
        } catch {
            observer?.violation("round \(round) cannot be combined: \(error)")
            handle(.job(job, .foldFailed(.undecodable, "\(error)")))
        }
    }

    /// Brings a round to stable storage; its updates and the models before it may go then.
    func makeDurable(_ job: JobID, _ round: RoundNumber) {
        if let model = models[job]?[round] {
            observer?.committed(job, round, model: model.prepared.modelDigest)
        }
        later(durations.synchronize) { host in
            let name = CoordinatorDisk.CheckpointName(job: job, round: round)
            if host.canary != .durableWithoutSync {
                host.disk.syncCheckpoint(name)
                host.disk.syncJournal()
            }
            host.disk.removeCheckpoints(of: job, before: round)
            host.observer?.durable(job, round)
            host.handle(.durable(job, round))
        }
    }
}

/// The accepted updates of a round on the virtual disk.
struct VirtualSpooledUpdates: UpdateSet {
    let layout: TensorLayout
    private let updates: [(update: AcceptedUpdate, bytes: [UInt8])]
    private let recipe: JobRecipe
    private let jobSeed: JobMachine

    init(_ host: CoordinatorHost, _ recipe: JobRecipe, _ accepted: [AcceptedUpdate]) throws {
        self.recipe = recipe
        layout = recipe.layout
        jobSeed = JobMachine(job: accepted.first?.key.job ?? JobID(1), specification: recipe.specification)
        var accepted = accepted
        if host.canary == .countTwice, let first = accepted.first { accepted.insert(first, at: 0) }
        var found: [(AcceptedUpdate, [UInt8])] = []
        for update in accepted {
            let name = CoordinatorDisk.SpoolName(key: update.key, digest: update.digest)
            if let bytes = host.disk.spools[name]?.bytes {
                found.append((update, bytes))
            } else if host.canary != .forgetSpoolOnRestart {
                throw UpdateCodingError(.sourceFailed, "the spool of \(update.key) is gone")
            }
        }
        updates = found
    }

    var count: Int { updates.count }

    func weight(at index: Int) -> Double { updates[index].update.weight }

    func metadata(at index: Int) -> UpdateMetadata {
        UpdateMetadata(updates[index].update, recipe.specification.training)
    }

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        let (update, bytes) = updates[index]
        return try recipe.uplink.makeDecoder(
            MemoryByteSource(bytes),
            layout: layout,
            seed: Seed(jobSeed.seed(of: update.key)).deriving("code")
        )
    }
}
