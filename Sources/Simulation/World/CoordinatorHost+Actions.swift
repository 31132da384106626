// SPDX-License-Identifier: Apache-2.0

import Rounds

extension CoordinatorHost {
    /// Chunks that may be under way on one connection.
    static let windowChunks = 4

    func perform(_ action: CoordinatorAction) {
        switch action {
        case .send(let connection, let message):
            if case .verdict(let verdict) = message, verdict.isAccepted { observer?.acknowledged(verdict.key) }
            send(message, on: connection)
        case .sendModel(let connection, let transfer, _, let part, let offset):
            guard let served = served[part.digest] else {
                observer?.violation("a model is to be sent that the shell does not have: round \(part.round)")
                return
            }
            streams[connection] = ModelStream(transfer: transfer, part: served, offset: offset)
            streamModel(connection)
        case .close(let connection, let goodbye):
            streams[connection] = nil
            send(.goodbye(goodbye), on: connection)
            network.close(connection, from: .down)
        case .openSpool(let offer):
            let name = CoordinatorDisk.SpoolName(key: offer.key, digest: offer.digest)
            openSpools[offer.key] = offer.digest
            later(durations.openSpool) { host in
                host.handle(.spoolOpened(offer.key, offer.digest, heldBytes: host.disk.heldBytes(name)))
            }
        case .spool(let key, let offset, let data):
            spool(key, offset, data)
        case .suspendSpool(let key):
            openSpools[key] = nil
        case .discardSpool(let key):
            openSpools[key] = nil
            disk.removeSpools { $0 == key }
        case .check(let offer, let rules):
            later(durations.check) { $0.handle(.checked(offer.key, offer.digest, $0.check(offer, rules))) }
        case .record(let entries, let token):
            record(entries, token)
        case .prepareModel(let job, let round, let specification):
            later(durations.prepare) { $0.prepare(job, round, specification) }
        case .fold(let job, let round, let updates):
            later(durations.fold) { $0.fold(job, round, updates) }
        case .makeDurable(let job, let round):
            makeDurable(job, round)
        case .discardRound(let job, let round, let attempt):
            disk.removeSpools { $0.job == job && $0.round == round && $0.attempt == attempt }
        case .discardSpools(let job, let round):
            disk.removeSpools { $0.job == job && $0.round <= round }
        case .release(let job):
            models[job] = nil
            recipes[job] = nil
            served = served.filter { $0.value.job != job }
        case .adaptation(let job, let action):
            perform(action, of: job)
        case .notify(let event):
            eventObserver?(event)
        case .log:
            break
        }
    }

    // MARK: - Models to agents

    /// Sends the next chunks of a model, as many as the window lets through.
    func streamModel(_ connection: ConnectionID) {
        while var stream = streams[connection] {
            let window = configuration.chunkBytes * Self.windowChunks
            guard network.backlog(of: connection, .down) < window else { return }
            let (bytes, owner) = (stream.part.bytes.bytes, stream.part.bytes.owner)
            let count = min(configuration.chunkBytes, bytes.count - stream.offset)
            guard count > 0 else {
                streams[connection] = nil
                return
            }
            let part = UnsafeRawBufferPointer(rebasing: bytes[stream.offset..<(stream.offset + count)])
            let chunk = BlobChunk(transfer: stream.transfer, offset: stream.offset, data: ByteSlice(part, owner: owner))
            stream.offset += count
            streams[connection] = stream
            send(.chunk(chunk), on: connection)
            countSent(stream.part.job, count, on: connection)
        }
    }

    // MARK: - Updates from agents

    private func spool(_ key: UpdateKey, _ offset: Int, _ data: ByteSlice) {
        guard let digest = openSpools[key] else { return }
        let name = CoordinatorDisk.SpoolName(key: key, digest: digest)
        // After a failed write nothing follows; the agent offers again.
        guard disk.heldBytes(name) == offset else { return }
        do {
            try disk.append(data.bytes, to: name)
        } catch {
            later(.zero) { $0.handle(.spoolFailed(key, digest, "no space left on device")) }
        }
    }

    // MARK: - The journal

    private func record(_ entries: [JournalEntry], _ token: RecordToken) {
        if canary == .answerBeforeWrite {
            later(.zero) { $0.handle(.recorded(token)) }
            return later(.milliseconds(200)) { host in try? host.disk.append(entries) }
        }
        unwritten.append((entries, token))
        writeNext()
    }

    /// Writes everything that waits in one batch.
    private func writeNext() {
        guard !isWriting, !unwritten.isEmpty else { return }
        isWriting = true
        let batch = unwritten
        unwritten = []
        later(durations.record) { host in
            host.isWriting = false
            host.write(batch)
            host.writeNext()
        }
    }

    private func write(_ batch: [(entries: [JournalEntry], token: RecordToken)]) {
        do {
            try disk.append(batch.flatMap(\.entries))
        } catch {
            for item in batch { handle(.recordFailed(item.token, "no space left on device")) }
            return
        }
        // What an operator was told must survive the loss of power; the rest may be lost and is made again.
        if batch.contains(where: \.token.mustBeSynced) { disk.syncAll() }
        for item in batch { handle(.recorded(item.token)) }
    }
}

extension RecordToken {
    /// Whether the answer is a promise to an operator.
    var mustBeSynced: Bool {
        switch self {
        case .submission, .adaptation(_, .kept), .adaptation(_, .purge), .adaptation(_, .ended): true
        case .adaptation(_, .running): false
        case .job(_, let record): record == .ended
        }
    }
}
