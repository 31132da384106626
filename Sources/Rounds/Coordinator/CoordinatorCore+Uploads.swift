// SPDX-License-Identifier: Apache-2.0

extension CoordinatorCore {
    mutating func blobRequested(
        _ request: BlobRequest,
        by agent: AgentID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if sendSource(request, connection, &actions) { return }
        let parts = servedModels.lazy.flatMap(\.parts)
        if let job = activeJob, jobs[job]?.isTakingUp == true {
            // Which models there are is not known yet; the agent keeps its task and asks again.
            let text = "the coordinator takes up its job"
            let pause = configuration.reconnectEarliest
            return drop(connection, Goodbye(.overloaded, text, retryAfter: pause), now, &actions)
        }
        guard let job = activeJob, let part = parts.first(where: { $0.digest == request.digest }),
            request.offset >= 0, request.offset <= part.byteCount
        else {
            giveUpOutdatedWork(of: agent, connection, now, &actions)
            // The model was replaced in the meantime. A new connection begins with the current tasks.
            let text = "the model \(request.digest) is not served any more"
            return drop(connection, Goodbye(.unknownBlob, text, retryAfter: .zero), now, &actions)
        }
        actions.append(
            .sendModel(connection, transfer: request.transfer, job, part, offset: request.offset)
        )
    }

    /// Takes back what an agent was asked for earlier where its model is not served any more: the agent was away for
    /// too long, and is asked anew, from a newer model.
    private mutating func giveUpOutdatedWork(
        of agent: AgentID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let job = activeJob, let key = jobs[job]?.carriedKey(of: agent) else { return }
        let base = jobs[job]?.base(of: key)
        guard !servedModels.contains(where: { $0.digest == base }) else { return }
        actions.append(.send(connection, .cancel(TaskCancellation(key: key, reason: .lateUpdate))))
        step(job, .failed(key, .lateUpdate, "its model was replaced before it was loaded"), now, &actions)
    }

    mutating func offered(
        _ offer: UpdateOffer,
        by agent: AgentID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard offer.key.agent == agent else {
            let text = "an update in the name of another agent"
            return drop(connection, Goodbye(.protocolViolation, text), now, &actions)
        }
        guard let job = jobs[offer.key.job] else {
            return send(.refused(offer.key, .unknownJob, "no such job here"), to: connection, &actions)
        }
        if unreleased[offer.key.job]?.values.contains(where: { $0.contains(offer.key) }) == true {
            // It counts, in a round that is not durable yet.
            return send(.accepted(offer.key), to: connection, &actions)
        }
        switch job.standing(of: offer.key) {
        case .accepted:
            send(.accepted(offer.key), to: connection, &actions)
            releaseDurable(offer.key, connection, &actions)
        case .notYet:
            // Whoever can be asked again offers again; this is for those whose model is not to be had any more.
            if job.awaitsRecovered(offer.key) { earlyOffers[agent] = offer }
        case .inHand:
            break
        case .refused(let reason):
            // Of rounds before the last it is not known any more who counted: the agent is told that it may forget.
            if offer.key.round >= job.status.round || !isDurable(offer.key) {
                send(.refused(offer.key, reason, ""), to: connection, &actions)
            }
            releaseDurable(offer.key, connection, &actions)
        case .wanted:
            wanted(offer, connection, job, now, &actions)
        }
    }

    /// Looks at what was offered before the round was taken up, of agents that are still connected.
    mutating func takeEarlyOffers(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        let offers = earlyOffers
        earlyOffers = [:]
        for (agent, offer) in offers.sorted(by: { $0.key < $1.key }) {
            guard let connection = connection(of: agent) else { continue }
            offered(offer, by: agent, connection, now, &actions)
        }
    }

    /// Whether an update that is offered is settled for good: nobody needs it any more.
    private func isDurable(_ key: UpdateKey) -> Bool {
        guard let job = jobs[key.job], let durable = durableRounds[key.job] else { return false }
        guard job.specification.round.carriesWork else { return key.round <= durable }
        return job.lastCommitted.contains(key) ? job.status.round <= durable : !job.hasAccepted(key)
    }

    /// Tells an agent that was away when its round became durable that it may forget.
    private func releaseDurable(
        _ key: UpdateKey,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) {
        guard isDurable(key), let job = jobs[key.job], let durable = durableRounds[key.job] else { return }
        let round = job.specification.round.carriesWork ? key.round : durable
        actions.append(.send(connection, .roundCommitted(RoundCommitted(job: key.job, round: round))))
    }

    private mutating func wanted(
        _ offer: UpdateOffer,
        _ connection: ConnectionID,
        _ job: JobMachine,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if let base = offer.base, let wanted = job.base(of: offer.key), base != wanted {
            // Made before this coordinator lost power, from a model that is not the round's any more: trained again.
            send(.refused(offer.key, .lateUpdate, "trained from another model"), to: connection, &actions)
            return step(offer.key.job, .agentAvailable(offer.key.agent), now, &actions)
        }
        if let reason = objection(to: offer, job) {
            send(.refused(offer.key, reason.0, reason.1), to: connection, &actions)
            return step(offer.key.job, .failed(offer.key, reason.0, reason.1), now, &actions)
        }
        if let upload = uploads[offer.key] {
            if case .checking = upload.state, upload.offer.digest == offer.digest {
                // All bytes are here already; the verdict goes to the new connection.
                return uploads.reconnect(offer.key, to: connection)
            }
            // Offered twice on one connection: under way already.
            if upload.connection == connection, upload.offer == offer { return }
            uploads.remove(offer.key)
            actions.append(.suspendSpool(offer.key))
        }
        uploads.add(offer, on: connection)
        openWaitingUploads(now, &actions)
    }

    /// Why an update cannot count, from what its offer says; nil when only its bytes can tell.
    private func objection(to offer: UpdateOffer, _ job: JobMachine) -> (ReasonCode, String)? {
        let specification = job.specification
        guard let model = job.model else { return (.lateUpdate, "the job has no model yet") }
        guard offer.codec == specification.codec.uplink else {
            return (.wrongCodec, "the job's updates are coded as \(specification.codec.uplink), not \(offer.codec)")
        }
        guard model.updateBytes.contains(offer.byteCount) else {
            return (.wrongSize, "an update of \(offer.byteCount) bytes; the model needs \(describe(model.updateBytes))")
        }
        if let objection = objection(toReports: offer, specification) { return objection }
        guard offer.weight > 0, offer.weight.isFinite, offer.weight <= specification.admission.maximumWeight else {
            return (
                .invalidWeight,
                "a weight of \(offer.weight); allowed: above 0, at most \(specification.admission.maximumWeight)"
            )
        }
        guard offer.loss.isFinite else { return (.notFinite, "a training loss of \(offer.loss)") }
        return nil
    }

    private func describe(_ range: ClosedRange<Int>) -> String {
        range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    mutating func openWaitingUploads(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        while let offer = uploads.openNext(limit: configuration.concurrentUploads) {
            actions.append(.openSpool(offer))
        }
    }

    mutating func spoolOpened(
        _ key: UpdateKey,
        _ digest: BlobDigest,
        _ heldBytes: Int,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let upload = uploads[key], upload.offer.digest == digest, case .opening = upload.state,
            let connection = upload.connection
        else { return }
        if heldBytes >= upload.offer.byteCount {
            return beginCheck(upload.offer, &actions)
        }
        let transfer = uploads.receive(key, from: heldBytes)
        actions.append(
            .send(connection, .uploadRequest(UploadRequest(key: key, transfer: transfer, offset: heldBytes)))
        )
    }

    mutating func spoolFailed(
        _ key: UpdateKey,
        _ digest: BlobDigest,
        _ message: String,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let upload = uploads[key], upload.offer.digest == digest else { return }
        uploads.remove(key)
        // The agent keeps its update and offers it again later.
        if let connection = upload.connection {
            send(.refused(key, .storageFailed, message), to: connection, &actions)
        }
        actions.append(.log(LogLine(.error, "the update \(key) cannot be stored: \(message)")))
        openWaitingUploads(now, &actions)
    }

    mutating func arrived(
        _ chunk: BlobChunk,
        on connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if chunk.transfer & AdaptationMachine.transferBit != 0 {
            return samplesArrived(chunk, on: connection, now, &actions)
        }
        // Chunks of a transfer that was withdrawn may still be under way: they are dropped.
        guard let key = uploads.key(ofTransfer: chunk.transfer), let upload = uploads[key],
            upload.connection == connection, case .receiving(let transfer, let heldBytes) = upload.state
        else { return }
        guard chunk.offset == heldBytes, chunk.data.count > 0, chunk.data.count <= upload.offer.byteCount - heldBytes
        else {
            let text = "a chunk at \(chunk.offset) with \(chunk.data.count) bytes where \(heldBytes) were held"
            return drop(connection, Goodbye(.protocolViolation, text), now, &actions)
        }
        traffic[key.job, default: [:]][key.agent, default: AgentTraffic(agent: key.agent)].bytesUp +=
            UInt64(chunk.data.count)
        actions.append(.spool(key, offset: heldBytes, chunk.data))
        let total = heldBytes + chunk.data.count
        if total == upload.offer.byteCount {
            beginCheck(upload.offer, &actions)
        } else {
            uploads.advance(key, transfer: transfer, to: total)
        }
    }

    private mutating func beginCheck(_ offer: UpdateOffer, _ actions: inout [CoordinatorAction]) {
        uploads.check(offer.key)
        guard let job = jobs[offer.key.job], let model = job.model else { return }
        let rules = CheckRules(
            layout: model.layout,
            seed: job.seed(of: offer.key),
            maximumNorm: job.specification.admission.maximumNorm
        )
        actions.append(.check(offer, rules))
    }

    mutating func checked(
        _ key: UpdateKey,
        _ digest: BlobDigest,
        _ check: UpdateCheck,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let upload = uploads[key], upload.offer.digest == digest, case .checking = upload.state else { return }
        if case .refused(.digestMismatch, _) = check, !upload.isRetry {
            // Damaged on the way or in the spool: ask for all of it once more, now or when its agent comes back.
            actions.append(.discardSpool(key))
            if upload.connection != nil {
                uploads.markRetry(key)
                return actions.append(.openSpool(upload.offer))
            }
            uploads.remove(key)
            return openWaitingUploads(now, &actions)
        }
        switch check {
        case .passed(let norm, let bytesByKind):
            // Stays in the table until the journal has it, so that the verdict finds the agent.
            let update = AcceptedUpdate(upload.offer, norm: norm, bytesByKind: bytesByKind)
            step(key.job, .verified(update), now, &actions)
        case .refused(let reason, let message):
            uploads.remove(key)
            actions.append(.discardSpool(key))
            send(.refused(key, reason, message), to: connection(of: key.agent), &actions)
            step(key.job, .failed(key, reason, message), now, &actions)
        case .unreadable(let message):
            spoolFailed(key, digest, message, now, &actions)
        }
        openWaitingUploads(now, &actions)
    }

    /// Why what an offer tells of its training cannot be used by the job's rule, which relies on it.
    private func objection(
        toReports offer: UpdateOffer,
        _ specification: JobSpecification
    ) -> (ReasonCode, String)? {
        if specification.training.settings["report_initial_loss"] == 1 {
            guard let loss = offer.initialLoss, loss >= 0, loss.isFinite else {
                return (.invalidReport, "the job needs the loss at the round's model, 0 or more and finite")
            }
        }
        if specification.strategy.rule == "fednova", offer.steps == 0 {
            return (.invalidReport, "the job needs the number of local steps, 1 or more")
        }
        return nil
    }

    func connection(of agent: AgentID) -> ConnectionID? { agents[agent]?.connection }

    func send(_ verdict: UpdateVerdict, to connection: ConnectionID?, _ actions: inout [CoordinatorAction]) {
        guard let connection else { return }
        actions.append(.send(connection, .verdict(verdict)))
    }

    /// Forgets an upload whose verdict was given.
    mutating func finishUpload(_ key: UpdateKey, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard uploads[key] != nil else { return }
        uploads.remove(key)
        openWaitingUploads(now, &actions)
    }
}

extension UpdateVerdict {
    static func accepted(_ key: UpdateKey) -> UpdateVerdict { UpdateVerdict(key: key, isAccepted: true) }

    static func refused(_ key: UpdateKey, _ reason: ReasonCode, _ message: String) -> UpdateVerdict {
        UpdateVerdict(key: key, isAccepted: false, reason: reason, message: message)
    }
}
