// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop
import Ledger
import Logging
import Messaging
import RoundWork
import Rounds

extension CoordinatorDaemon {
    func perform(_ actions: [CoordinatorAction]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: CoordinatorAction) {
        switch action {
        case .send(let id, let message):
            channels[id]?.send(message)
        case .sendModel(let id, let transfer, _, let reference, let offset):
            sendModel(reference, to: id, transfer: transfer, offset: offset)
        case .close(let id, let goodbye):
            channels[id]?.close(goodbye)
        case .openSpool(let offer):
            openSpool(offer)
        case .spool(let key, let offset, let slice):
            append(slice, at: offset, to: key)
        case .suspendSpool(let key):
            spool.suspend(key)
        case .discardSpool(let key):
            discard { try spool.discard(key) }
        case .check(let offer, let rules):
            check(offer, rules)
        case .record(let entries, let token):
            record(entries, token)
        case .prepareModel(let job, let round, let specification):
            prepare(job, round, specification)
        case .fold(let job, let round, let updates):
            fold(job, round, updates)
        case .makeDurable(let job, let round):
            makeDurable(job, round)
        case .discardRound(let job, let round, let attempt):
            discard { try spool.discard(job: job, round: round, attempt: attempt) }
        case .discardSpools(let job, let round):
            discard { try spool.discard(job: job, through: round) }
        case .release(let job):
            release(job)
        case .adaptation(let job, let action):
            perform(action, of: job)
        case .notify(let event):
            notify(event)
        case .log(let line):
            log(line)
        }
    }

    private func sendModel(_ reference: ModelReference.Part, to id: ConnectionID, transfer: UInt64, offset: Int) {
        do {
            let source = sources[reference.digest].map { MemoryBlob($0.bytes) as any BlobSource }
            guard let blob = try source ?? models.blob(reference.digest) else {
                return logger.error("the core serves model \(reference.digest), which the daemon does not hold")
            }
            channels[id]?.beginTransfer(
                transfer,
                of: blob,
                offset: offset,
                chunkBytes: options.configuration.chunkBytes
            )
        } catch {
            // A new connection begins with the current tasks, so the agent is not left waiting.
            logger.error("the model of round \(reference.round) cannot be read again: \(error)")
            feed(.malformed(id, .unknownBlob, "the model of round \(reference.round) cannot be read"))
        }
    }

    // MARK: - The spool

    private func openSpool(_ offer: UpdateOffer) {
        do {
            let heldBytes = try spool.open(offer)
            feed(.spoolOpened(offer.key, offer.digest, heldBytes: heldBytes))
        } catch {
            feed(.spoolFailed(offer.key, offer.digest, "\(error)"))
        }
    }

    private func append(_ slice: ByteSlice, at offset: Int, to key: UpdateKey) {
        do {
            try spool.append(key, offset: offset, slice.bytes)
        } catch {
            spool.suspend(key)
            guard let digest = core.digestOfUpload(key) else { return }
            feed(.spoolFailed(key, digest, "\(error)"))
        }
    }

    /// What cannot be deleted is deleted at the next start.
    func discard(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            logger.warning("spooled updates could not be deleted: \(error)")
        }
    }

    // MARK: - The journal

    /// Collects what is to be written: everything that comes up in one turn of the loop is one transaction.
    private func record(_ entries: [JournalEntry], _ token: RecordToken) {
        if case .submission(let job, _) = token, case .submitted(_, let specification) = entries.first {
            specifications[job] = specification
        }
        if unrecorded.isEmpty { loop.execute { self.assumeIsolated { $0.flushJournal() } } }
        unrecorded.append((entries, token))
    }

    func flushJournal() {
        guard !unrecorded.isEmpty else { return }
        let batch = unrecorded
        unrecorded = []
        do {
            try ledger.append(batch.flatMap(\.entries))
            for item in batch {
                if item.token.isLasting { recordedAfterSync(item.token) } else { feed(.recorded(item.token)) }
            }
        } catch {
            for item in batch { feed(.recordFailed(item.token, "\(error)")) }
        }
    }

    /// Answers only once the fact, and the model that it speaks of, are on stable storage: nobody repeats a
    /// submission that was answered, and agents give up their updates of a job that is over.
    private func recordedAfterSync(_ token: RecordToken) {
        let ledger = ledger
        let checkpoints = checkpoints
        let logger = logger
        let newest = models.newest?.prepared.reference.round
        syncing.async {
            do {
                if case .job(let job, _) = token, let newest, newest > .initial {
                    try checkpoints.synchronize(job, newest)
                }
                try ledger.synchronize()
            } catch {
                logger.error("a fact is in the journal but not on stable storage yet: \(error)")
            }
            self.deliver(.recorded(token))
        }
    }

    // MARK: - Reports

    private func release(_ job: JobID) {
        models.clear()
        spare = SpareVector(nil)
        recipes[job] = nil
    }

    private func notify(_ event: JobEvent) {
        let status = event.status
        let job = "\(status.job)"
        if [.roundCommitted, .ended, .roundAbandoned].contains(event.kind) {
            metrics.update(status, core.traffic(of: status.job))
        }
        switch event.kind {
        case .roundStarted:
            logger.debug("\(job) \(event.message)")
        case .roundCommitted:
            logger.info("\(job) committed round \(status.round) of \(status.totalRounds): \(event.message)")
        case .evaluated:
            let accuracy = rounded(status.evaluation.accuracy)
            logger.info(
                "\(job) round \(status.evaluatedRound): accuracy \(accuracy), loss \(rounded(status.evaluation.loss))"
            )
        case .agentTrouble, .roundAbandoned:
            logger.warning("\(job) \(event.message)")
        case .ended:
            logger.info("\(job) \(status.phase)\(event.message.isEmpty ? "" : ": \(event.message)")")
        case .status:
            if !event.message.isEmpty { logger.info("\(job) \(event.message)") }
        }
        observer?(event)
    }

    private func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

    private func log(_ line: LogLine) {
        switch line.level {
        case .debug: logger.debug("\(line.message)")
        case .info: logger.info("\(line.message)")
        case .warning: logger.warning("\(line.message)")
        case .error: logger.error("\(line.message)")
        }
    }
}
