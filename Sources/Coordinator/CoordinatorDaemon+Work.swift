// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop
import Learning
import Ledger
import Logging
import ModelState
import RoundWork
import Rounds

/// What takes long happens on other threads; the results come back as inputs.
extension CoordinatorDaemon {
    // MARK: - Models

    func prepare(_ job: JobID, _ round: RoundNumber, _ specification: JobSpecification) {
        let checkpoints = checkpoints
        workers.async {
            do {
                let recipe = try JobRecipe(specification)
                let model =
                    round == .initial
                    ? try JobModel.initial(recipe: recipe) : try Self.load(checkpoints, job, round, recipe)
                self.loop.execute {
                    self.assumeIsolated { $0.prepared(model, recipe: recipe, job: job, specification) }
                }
            } catch {
                self.deliver(.job(job, .modelFailed(.invalidJob, "\(error)")))
            }
        }
    }

    private static func load(
        _ checkpoints: CheckpointStore,
        _ job: JobID,
        _ round: RoundNumber,
        _ recipe: JobRecipe
    ) throws -> JobModel {
        let checkpoint = try checkpoints.load(job, round)
        guard checkpoint.layout.elementCount == recipe.layout.elementCount else {
            throw ModelStateError(
                .shapeMismatch,
                "the checkpoint of \(job), round \(round), does not have the tensors of the job's model"
            )
        }
        guard recipe.keepsRoundState else { return try JobModel(checkpoint.model, round: round, recipe: recipe) }
        guard let bytes = try checkpoints.readState(job, round) else {
            throw LedgerError(.notFound, "the state of \(job), round \(round), is gone from beside its checkpoint")
        }
        let state = try PackedState(decoding: ByteSlice(copying: bytes))
        return try JobModel(checkpoint.model, round: round, recipe: recipe, state: state)
    }

    private func prepared(
        _ model: JobModel,
        recipe: JobRecipe,
        job: JobID,
        _ specification: JobSpecification
    ) {
        // A job that was cancelled meanwhile must not put its model in the place of the next job's.
        guard core.runningJob == job else { return }
        recipes[job] = recipe
        specifications[job] = specification
        models.begin(with: model)
        feed(.job(job, .modelReady(model.prepared)))
    }

    // MARK: - Updates

    func check(_ offer: UpdateOffer, _ rules: CheckRules) {
        guard let recipe = recipes[offer.key.job] else { return }
        let checker = UpdateChecker(codec: recipe.uplink, rules: rules)
        let spool = spool
        spool.suspend(offer.key)
        let check = { @Sendable () -> UpdateCheck in
            do {
                return checker.check(offer, bytes: try spool.reader(for: offer))
            } catch {
                return .unreadable("\(error)")
            }
        }
        // A small update is checked sooner than another thread is woken.
        if offer.byteCount <= 64 << 10 {
            feed(.checked(offer.key, offer.digest, check()))
        } else {
            workers.async { self.deliver(.checked(offer.key, offer.digest, check())) }
        }
    }

    // MARK: - Rounds

    func fold(_ job: JobID, _ round: RoundNumber, _ updates: [AcceptedUpdate]) {
        guard let recipe = recipes[job], let specification = specifications[job], let current = models.newest else {
            preconditionFailure("a round is folded while its job has a model")
        }
        let work = FoldWork(
            job: job,
            round: round,
            current: current,
            recipe: recipe,
            specification: specification,
            updates: SpooledUpdates(
                layout: recipe.layout,
                training: specification.training,
                updates: updates,
                codec: recipe.uplink,
                spool: spool,
                seed: core.codingSeed(of: job)
            ),
            checkpoints: checkpoints,
            spare: spare
        )
        workers.async {
            let result = Result { try work.run() }
            self.loop.execute { self.assumeIsolated { $0.folded(job, round, result) } }
        }
    }

    private func folded(_ job: JobID, _ round: RoundNumber, _ result: Result<JobModel, any Error>) {
        // As above: this job may have been cancelled while its round was folded, and the next one may run already.
        guard core.runningJob == job else { return }
        switch result {
        case .success(let model):
            models.add(model)
            feed(.job(job, .folded(model.prepared)))
        case .failure(let error):
            let reason: ReasonCode = error is LedgerError ? .storageFailed : .trainerFailed
            feed(.job(job, .foldFailed(reason, "round \(round) cannot be folded: \(error)")))
        }
    }

    // MARK: - Durability

    func makeDurable(_ job: JobID, _ round: RoundNumber) {
        if let recipe = recipes[job] {
            let checkpoints = checkpoints
            let replaced = models.commit(
                checkpoint: { checkpoints.path(of: job, $0) },
                makeInitial: { try JobModel.initial(recipe: recipe) }
            )
            if let replaced { spare = SpareVector(replaced) }
        }
        durability.add(job, round)
        syncNext()
    }

    /// Syncs the newest rounds; those that came up meanwhile are synced together.
    private func syncNext() {
        guard let batch = durability.begin() else { return }
        let ledger = ledger
        let checkpoints = checkpoints
        syncing.async {
            let result = Result {
                for (job, round) in batch { try checkpoints.synchronize(job, round) }
                try ledger.synchronize()
            }
            self.loop.execute { self.assumeIsolated { $0.synced(batch, result) } }
        }
    }

    private func synced(_ batch: [(JobID, RoundNumber)], _ result: Result<Void, any Error>) {
        durability.end()
        switch result {
        case .success:
            for (job, round) in batch {
                feed(.durable(job, round))
            }
        case .failure(let error):
            // The agents keep their updates; the next round's sync covers this one too.
            logger.error("round \(batch.map { "\($0.1) of \($0.0)" }) is not on stable storage yet: \(error)")
        }
        syncNext()
    }
}
