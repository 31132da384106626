// SPDX-License-Identifier: Apache-2.0

extension AgentCore {
    // MARK: - Tasks

    mutating func asked(_ task: TrainTask, _ now: Instant, _ actions: inout [AgentAction]) {
        guard task.key.agent == configuration.agent else {
            return refuse(task.key, .notSelected, "a task for another agent", now, &actions)
        }
        if let base = outbox[task.key]?.offer.base, base != task.base.digest {
            // The coordinator lost power and runs the round again from another model.
            forget(task.key, &actions)
        }
        if let entry = outbox[task.key] {
            // Trained already: offered unless that is under way. An offer without an answer may have come before the
            // restarted coordinator had taken up the round.
            if entry.state == .kept || entry.state == .offered, entry.retryAt == nil { offer(task.key, now, &actions) }
            return
        }
        guard !tasks.contains(task) else { return }
        if let older = tasks.currentKey, tasks.remove(older) { actions.append(.abort(older)) }
        tasks.add(task)
        pump(now, &actions)
    }

    private mutating func refuse(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ message: String,
        _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        guard isOnline else { return }
        send(.taskFailed(TaskFailure(key: key, reason: reason, message: message)), now, &actions)
    }

    /// Begins the next task if none is under way: loads its model, then runs it.
    mutating func pump(_ now: Instant, _ actions: inout [AgentAction]) {
        guard let work = tasks.next() else { return }
        if tasks.heldModel == work.base {
            tasks.run()
            switch work {
            case .train(let task): actions.append(.train(task))
            case .evaluate(let task): actions.append(.evaluate(task))
            case .stream(let task):
                // The stream has a thread of its own; tasks go on.
                actions.append(.stream(task))
                tasks.removeStream(task.job)
                pump(now, &actions)
            }
        } else if isOnline, let request = tasks.load(work.base, work.layout) {
            send(.blobRequest(request), now, &actions)
        }
    }

    mutating func arrived(_ chunk: BlobChunk, _ now: Instant, _ actions: inout [AgentAction]) {
        // Chunks of an earlier request may still be under way: they are dropped.
        guard let download = tasks.download, download.transfer == chunk.transfer else { return }
        guard chunk.offset == download.heldBytes, chunk.data.count > 0,
            chunk.data.count <= download.part.byteCount - download.heldBytes
        else {
            actions.append(.disconnect(Goodbye(.protocolViolation, "a chunk that does not follow the last one")))
            return breakOff(now, &actions)
        }
        actions.append(.storeModel(download.part, offset: chunk.offset, chunk.data))
        tasks.download?.heldBytes += chunk.data.count
        if tasks.download?.heldBytes == download.part.byteCount {
            tasks.download?.transfer = nil
            let after = download.position > 0 ? tasks.heldModel?.digest : nil
            actions.append(.checkModel(download.part, download.layout, after: after))
        }
    }

    mutating func modelChecked(
        _ digest: BlobDigest,
        _ isValid: Bool,
        _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        guard let download = tasks.download, download.part.digest == digest else { return }
        if isValid {
            tasks.partIsHeld()
            return pump(now, &actions)
        }
        tasks.loadAgain()
        guard download.damages == 0 else {
            let current = tasks.current
            tasks.abandonDownload()
            if case .train(let task) = current, task.base == download.model {
                refuse(task.key, .digestMismatch, "the model arrived damaged twice", now, &actions)
            } else if case .evaluate(let task) = current, task.base == download.model {
                return evaluationFailed(task.job, task.base.round, .digestMismatch, "", now, &actions)
            } else if case .stream = current {
                // Asked again at the next connection.
                stream.task = nil
            }
            return pump(now, &actions)
        }
        actions.append(.log(LogLine(.warning, "the model arrived damaged; it is loaded again")))
        pump(now, &actions)
    }

    mutating func trained(_ offered: UpdateOffer, _ now: Instant, _ actions: inout [AgentAction]) {
        guard tasks.runningKey == offered.key else {
            // Withdrawn while it was finished.
            return actions.append(.forget(offered.key))
        }
        _ = tasks.remove(offered.key)
        outbox[offered.key] = OutboxEntry(offer: offered)
        while outbox.count > Self.outboxLimit, let oldest = outbox.keys.min() { forget(oldest, &actions) }
        offer(offered.key, now, &actions)
        pump(now, &actions)
    }

    mutating func trainingFailed(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ message: String,
        _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        guard tasks.remove(key) else { return }
        actions.append(.log(LogLine(.error, "\(key): \(reason): \(message)")))
        refuse(key, reason, message, now, &actions)
        pump(now, &actions)
    }

    mutating func evaluationFailed(
        _ job: JobID,
        _ round: RoundNumber,
        _ reason: ReasonCode,
        _ message: String,
        _ now: Instant,
        _ actions: inout [AgentAction]
    ) {
        tasks.finishEvaluation(job, round)
        // An evaluation has the attempt 0.
        let key = UpdateKey(job: job, round: round, attempt: 0, agent: configuration.agent)
        refuse(key, reason, message, now, &actions)
        pump(now, &actions)
    }

    mutating func cancelled(_ cancellation: TaskCancellation, _ now: Instant, _ actions: inout [AgentAction]) {
        if tasks.remove(cancellation.key) { actions.append(.abort(cancellation.key)) }
        if outbox[cancellation.key] != nil { forget(cancellation.key, &actions) }
        pump(now, &actions)
    }

    // MARK: - The outbox

    mutating func offer(_ key: UpdateKey, _ now: Instant, _ actions: inout [AgentAction]) {
        guard isOnline, let entry = outbox[key] else { return }
        outbox[key]?.state = .offered
        outbox[key]?.retryAt = nil
        send(.offer(entry.offer), now, &actions)
    }

    mutating func offerDue(_ now: Instant, _ actions: inout [AgentAction]) {
        for (key, entry) in outbox.sorted(by: { $0.key < $1.key }) {
            if let retryAt = entry.retryAt, now >= retryAt { offer(key, now, &actions) }
        }
    }

    mutating func uploadRequested(_ request: UploadRequest, _ actions: inout [AgentAction]) {
        guard let entry = outbox[request.key], request.offset >= 0, request.offset < entry.offer.byteCount else {
            return
        }
        outbox[request.key]?.state = .uploading
        actions.append(.sendUpdate(request.key, transfer: request.transfer, offset: request.offset))
    }

    mutating func judged(_ verdict: UpdateVerdict, _ now: Instant, _ actions: inout [AgentAction]) {
        guard outbox[verdict.key] != nil else { return }
        if verdict.isAccepted {
            outbox[verdict.key]?.state = .accepted
        } else if verdict.reason == .storageFailed {
            if outbox[verdict.key]?.state == .uploading { actions.append(.stopSending(verdict.key)) }
            outbox[verdict.key]?.state = .kept
            outbox[verdict.key]?.retryAt = now.advanced(by: Self.storageRetry)
        } else {
            let text = verdict.message.isEmpty ? "" : ": \(verdict.message)"
            actions.append(.log(LogLine(.warning, "\(verdict.key) was refused: \(verdict.reason)\(text)")))
            forget(verdict.key, &actions)
        }
    }

    mutating func forget(_ key: UpdateKey, _ actions: inout [AgentAction]) {
        guard let entry = outbox.removeValue(forKey: key) else { return }
        if entry.state == .uploading { actions.append(.stopSending(key)) }
        actions.append(.forget(key))
    }
}
