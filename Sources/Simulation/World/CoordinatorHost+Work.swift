// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import Rounds
import UpdateCoding

extension CoordinatorHost {
    /// Checks a complete update: its digest, its code, its values, its norm.
    func check(_ offer: UpdateOffer, _ rules: CheckRules) -> UpdateCheck {
        let name = CoordinatorDisk.SpoolName(key: offer.key, digest: offer.digest)
        guard let bytes = disk.spools[name]?.bytes else { return .unreadable("the spool is gone") }
        let digest = bytes.withUnsafeBytes { recipe.digest($0) }
        guard canary == .skipDigestCheck || digest == offer.digest else {
            return .refused(.digestMismatch, "the bytes are damaged")
        }
        do {
            let decoder = try recipe.makeCodec(offer.codec).makeDecoder(
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
            let initial = try recipe.makeModel(specification)
            specifications[job] = specification
            layouts[job] = initial.layout
            let name = CoordinatorDisk.CheckpointName(job: job, round: round)
            guard round == .initial || disk.checkpoints[name] != nil else {
                return handle(.job(job, .modelFailed(.unknownBlob, "the checkpoint of round \(round) is gone")))
            }
            let isStale = canary == .staleModelOnRestart
            let model = isStale ? initial.model : disk.checkpoints[name]?.model ?? initial.model
            handle(.job(job, .modelReady(publish(model, of: job, round))))
        } catch {
            handle(.job(job, .modelFailed(.invalidJob, "\(error)")))
        }
    }

    /// Makes a model loadable.
    private func publish(_ model: ParameterVector, of job: JobID, _ round: RoundNumber) -> PreparedModel {
        guard let layout = layouts[job] else { preconditionFailure("a model is published after its job was prepared") }
        let digest = model.withElements { recipe.digest(UnsafeRawBufferPointer($0)) }
        models[job, default: [:]][round] = model
        // Until this round is committed, the core serves the two models before it.
        models[job] = models[job]?.filter { $0.key.value + 3 > round.value }
        // Models of the same bits share one entry.
        served[digest] = ServedModel(job: job, digest: digest, model: model)
        let kept = Set(
            (models[job] ?? [:]).values.map { $0.withElements { recipe.digest(UnsafeRawBufferPointer($0)) } }
        )
        served = served.filter { $0.value.job != job || kept.contains($0.key) }
        let codec = specifications[job].flatMap { try? recipe.makeCodec($0.codec.uplink) }
        let exact = codec?.encodedByteCount(layout: layout)
        let longest = codec?.maximumEncodedByteCount(layout: layout) ?? layout.byteCount
        return PreparedModel(
            reference: ModelReference(round: round, digest: digest, byteCount: model.byteCount, codec: "fp32"),
            layout: layout,
            modelDigest: digest,
            updateBytes: (exact ?? 1)...(exact ?? longest)
        )
    }

    // MARK: - Folding

    /// Combines the updates with the current model.
    func fold(_ job: JobID, _ round: RoundNumber, _ updates: [AcceptedUpdate]) {
        guard let specification = specifications[job], let layout = layouts[job],
            let base = models[job]?[RoundNumber(round.value - 1)]
        else { return }
        do {
            let spooled = try VirtualSpooledUpdates(self, specification, layout, updates)
            let rule = try recipe.makeRule(specification.strategy)
            var model = ParameterVector(zeros: base.count)
            try ModelFold(rule: rule, serverLearningRate: specification.strategy.serverLearningRate)
                .fold(spooled, current: base, into: &model)
            try disk.write(model, to: CoordinatorDisk.CheckpointName(job: job, round: round))
            handle(.job(job, .folded(publish(model, of: job, round))))
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
            observer?.committed(job, round, model: model.withElements { recipe.digest(UnsafeRawBufferPointer($0)) })
        }
        later(durations.synchronize) { host in
            let name = CoordinatorDisk.CheckpointName(job: job, round: round)
            if host.canary != .durableWithoutSync {
                host.disk.syncCheckpoint(name)
                host.disk.syncJournal()
            }
            host.disk.removeSpools { $0.job == job && $0.round <= round }
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
    private let codec: any UpdateCodec
    private let jobSeed: JobMachine

    init(
        _ host: CoordinatorHost,
        _ specification: JobSpecification,
        _ layout: TensorLayout,
        _ accepted: [AcceptedUpdate]
    ) throws {
        self.layout = layout
        codec = try host.recipe.makeCodec(specification.codec.uplink)
        jobSeed = JobMachine(job: accepted.first?.key.job ?? JobID(1), specification: specification)
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

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        let (update, bytes) = updates[index]
        return try codec.makeDecoder(
            MemoryByteSource(bytes),
            layout: layout,
            seed: Seed(jobSeed.seed(of: update.key)).deriving("code")
        )
    }
}
