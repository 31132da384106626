// SPDX-License-Identifier: Apache-2.0

/// A request to delete samples, until all of its jobs have answered.
struct PurgeRequest: Sendable {
    let connection: ConnectionID
    let agent: AgentID
    var awaited: Set<JobID>
    var receipts: [PurgeReceipt] = []
}

extension CoordinatorCore {
    // MARK: - Steps

    /// Lets an adaptation job take in what happened and does what it wants; nothing for other jobs.
    mutating func stepAdaptation(
        _ id: JobID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction],
        _ body: (inout AdaptationMachine) -> [AdaptationMachine.Step]
    ) {
        guard var job = adaptations.removeValue(forKey: id) else { return }
        let steps = body(&job)
        adaptations[id] = job
        for step in steps { perform(step, of: id, now, &actions) }
    }

    mutating func step(
        _ id: JobID,
        _ input: AdaptationInput,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        stepAdaptation(id, now, &actions) { $0.handle(input, at: now) }
    }

    mutating func beginAdaptation(_ id: JobID, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard adaptations[id]?.isOver == false else { return }
        let streaming = agents.filter { $0.value.connection != nil && $0.value.streams }.keys.sorted()
        stepAdaptation(id, now, &actions) { job in streaming.flatMap { job.agentAvailable($0) } + job.begin() }
    }

    /// Tells an agent that connected of the jobs that want its stream.
    mutating func offerStreams(_ agent: AgentID, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard agents[agent]?.streams == true else { return }
        for job in adaptations.keys.sorted() {
            stepAdaptation(job, now, &actions) { $0.agentAvailable(agent) }
        }
    }

    private mutating func perform(
        _ step: AdaptationMachine.Step,
        of job: JobID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        switch step {
        case .record(let entries, let record):
            actions.append(.record(entries, .adaptation(job, record)))
        case .send(let agent, let message):
            if let connection = connection(of: agent) { actions.append(.send(connection, message)) }
        case .shell(let action):
            actions.append(.adaptation(job, action))
        case .notify(let event):
            notify(event, &actions)
        case .log(let line):
            actions.append(.log(line))
        case .answerPurge(let receipt):
            answerPurge(receipt, &actions)
        case .failPurge(let receipt, let message):
            failPurge(receipt, message, &actions)
        case .ended:
            break
        }
    }

    // MARK: - Samples

    mutating func samplesOffered(
        _ offer: SampleOffer,
        by agent: AgentID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard adaptations[offer.job] != nil else {
            let verdict = SampleVerdict(
                job: offer.job,
                sequence: offer.sequence,
                isAccepted: false,
                reason: .unknownJob,
                message: "no such job here"
            )
            return actions.append(.send(connection, .sampleVerdict(verdict)))
        }
        stepAdaptation(offer.job, now, &actions) { $0.offered(offer, by: agent, now) }
    }

    mutating func samplesArrived(
        _ chunk: BlobChunk,
        on connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let agent = sessions[connection]?.agent else { return }
        for job in adaptations.keys.sorted() {
            var isSound = true
            stepAdaptation(job, now, &actions) { machine in
                let (sound, steps) = machine.arrived(chunk, from: agent)
                isSound = sound
                return steps
            }
            guard isSound else {
                let text = "a piece of samples that does not follow the last one"
                return drop(connection, Goodbye(.protocolViolation, text), now, &actions)
            }
        }
    }

    /// Sends the model that devices begin with, where that is what was asked for.
    mutating func sendSource(
        _ request: BlobRequest,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) -> Bool {
        for (id, job) in adaptations.sorted(by: { $0.key < $1.key }) where !job.isOver {
            guard let part = job.prepared?.base.last, part.digest == request.digest,
                request.offset >= 0, request.offset <= part.byteCount
            else { continue }
            adaptations[id]?.status.bytesDown += UInt64(part.byteCount - request.offset)
            actions.append(
                .sendModel(connection, transfer: request.transfer, id, part, offset: request.offset)
            )
            return true
        }
        return false
    }

    // MARK: - Deleting

    mutating func purge(
        _ agent: AgentID,
        _ job: JobID?,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if let job, adaptations[job] == nil {
            let text = "\(job) is no adaptation job here; `tributary samples list` shows who holds samples"
            return refuse(.unknownJob, text, connection, &actions)
        }
        let holders = adaptations.keys.sorted().filter { id in
            (job == nil || id == job) && adaptations[id]?.devices[agent]?.hasHeldSamples == true
        }
        guard !holders.isEmpty else {
            return refuse(.unknownJob, "nothing is held of \(agent); nothing to delete", connection, &actions)
        }
        purges.append(PurgeRequest(connection: connection, agent: agent, awaited: Set(holders)))
        for holder in holders {
            var isRefused = false
            stepAdaptation(holder, now, &actions) { machine in
                guard let steps = machine.purge(agent) else {
                    isRefused = true
                    return []
                }
                return steps
            }
            if isRefused {
                purges.removeLast()
                let text = "samples of \(agent) are being stored or deleted; ask again"
                return refuse(.overloaded, text, connection, &actions)
            }
        }
    }

    private mutating func answerPurge(_ receipt: PurgeReceipt, _ actions: inout [CoordinatorAction]) {
        guard let place = purges.firstIndex(where: { $0.agent == receipt.agent && $0.awaited.contains(receipt.job) })
        else { return }
        purges[place].awaited.remove(receipt.job)
        purges[place].receipts.append(receipt)
        guard purges[place].awaited.isEmpty else { return }
        let done = purges.remove(at: place)
        guard sessions[done.connection] != nil else { return }
        let receipts = done.receipts.sorted { $0.job < $1.job }
        actions.append(.send(done.connection, .operatorReply(.samples([], receipts))))
    }

    private mutating func failPurge(
        _ receipt: PurgeReceipt,
        _ message: String,
        _ actions: inout [CoordinatorAction]
    ) {
        actions.append(.log(LogLine(.error, "samples of \(receipt.agent) could not be deleted: \(message)")))
        guard let place = purges.firstIndex(where: { $0.agent == receipt.agent && $0.awaited.contains(receipt.job) })
        else { return }
        let failed = purges.remove(at: place)
        guard sessions[failed.connection] != nil else { return }
        refuse(.storageFailed, "the samples could not be deleted: \(message)", failed.connection, &actions)
    }

    func holdings(_ agent: AgentID?, _ connection: ConnectionID, _ actions: inout [CoordinatorAction]) {
        var (holdings, receipts): ([SampleHolding], [PurgeReceipt]) = ([], [])
        for (_, job) in adaptations.sorted(by: { $0.key < $1.key }) {
            let found = job.samples(of: agent)
            holdings += found.0
            receipts += found.1
        }
        let limit = Limits.listedSamples
        actions.append(
            .send(connection, .operatorReply(.samples(Array(holdings.prefix(limit)), Array(receipts.suffix(limit)))))
        )
    }
}
