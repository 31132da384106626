// SPDX-License-Identifier: Apache-2.0

extension CoordinatorCore {
    /// Lets a job take in what happened and does what it wants.
    mutating func step(_ id: JobID, _ input: JobInput, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard var job = jobs[id] else { return }
        // The machine is taken out while it runs, so that it is changed in place.
        jobs[id] = nil
        job.status.connectedAgents = UInt32(clamping: agents.count - lost.count)
        let wanted = job.handle(input, at: now)
        jobs[id] = job
        if case .modelReady(let prepared) = input, id == activeJob { serve(prepared.reference, first: true) }
        for action in wanted { perform(action, of: id, now, &actions) }
        if case .modelReady = input { takeEarlyOffers(now, &actions) }
    }

    private mutating func serve(_ model: ModelReference, first: Bool) {
        if first { servedModels = [] }
        servedModels.removeAll { $0.digest == model.digest }
        servedModels.insert(model, at: 0)
        // The last model stays for agents that are still loading it to evaluate it.
        if servedModels.count > 2 { servedModels.removeLast() }
    }

    private mutating func perform(
        _ action: JobAction,
        of job: JobID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        switch action {
        case .record(let entries, let record):
            actions.append(.record(entries, .job(job, record)))
        case .prepareModel(let round):
            guard let specification = jobs[job]?.specification else { return }
            actions.append(.prepareModel(job, round, specification))
        case .assign(let agent, let task):
            guard let connection = connection(of: agent) else { return }
            actions.append(.send(connection, .train(task)))
        case .assignTogether(let group):
            for task in group {
                guard let connection = connection(of: task.key.agent) else { continue }
                actions.append(.send(connection, .train(task)))
            }
        case .accept(let key):
            finishUpload(key, now, &actions)
            send(.accepted(key), to: connection(of: key.agent), &actions)
        case .refuse(let key, let reason, let message):
            finishUpload(key, now, &actions)
            send(.refused(key, reason, message), to: connection(of: key.agent), &actions)
        case .withdraw(let key, let reason):
            withdraw(key, reason, now, &actions)
        case .fold(let round, let updates):
            actions.append(.fold(job, round, updates))
        case .committed(let committed):
            if let model = jobs[job]?.model { serve(model.reference, first: false) }
            if let machine = jobs[job], machine.specification.round.carriesWork {
                unreleased[job, default: [:]][committed.round] = machine.lastCommitted.sorted()
            }
            actions.append(.makeDurable(job, committed.round))
        case .abandoned(let round, let attempt):
            actions.append(.discardRound(job, round, attempt: attempt))
        case .evaluate(let round):
            evaluate(round, of: job, now, &actions)
        case .notify(let event):
            notify(event, &actions)
        case .ended:
            jobEnded(job, now, &actions)
        }
    }

    private mutating func withdraw(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if uploads[key] != nil {
            uploads.remove(key)
            actions.append(.discardSpool(key))
            openWaitingUploads(now, &actions)
        }
        guard let connection = connection(of: key.agent) else { return }
        actions.append(.send(connection, .cancel(TaskCancellation(key: key, reason: reason))))
    }

    private mutating func jobEnded(_ job: JobID, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard activeJob == job else { return }
        if let status = jobs[job]?.status {
            actions.append(.log(LogLine(.info, TrafficText.summary(of: status, traffic(of: job)))))
        }
        // Updates whose check or journal entry was under way when the job ended have nobody to answer them any more.
        for key in uploads.keys(of: job) { withdraw(key, .jobCancelled, now, &actions) }
        if let status = jobs[job]?.status, status.phase != .finished {
            // What was accepted in the open round does not count: nobody needs to keep it.
            broadcast(.roundCommitted(RoundCommitted(job: job, round: status.round.next)), &actions)
        }
        activeJob = nil
        servedModels = []
        evaluations = [:]
        actions.append(.release(job))
        startNextJob(now, &actions)
    }

    /// Lets go of the updates of rounds that are on stable storage, here and on the agents.
    ///
    /// Where work is carried from round to round, an update's name does not tell in which round it counts, and others
    /// of the same name may still be on their way: each agent is told of its own.
    mutating func release(_ job: JobID, through round: RoundNumber, _ actions: inout [CoordinatorAction]) {
        guard jobs[job]?.specification.round.carriesWork == true else {
            actions.append(.discardSpools(job, through: round))
            return broadcast(.roundCommitted(RoundCommitted(job: job, round: round)), &actions)
        }
        let durable = (unreleased[job] ?? [:]).filter { $0.key <= round }
        for (round, keys) in durable.sorted(by: { $0.key < $1.key }) {
            unreleased[job]?[round] = nil
            for key in keys {
                actions.append(.discardSpool(key))
                guard let connection = connection(of: key.agent) else { continue }
                actions.append(.send(connection, .roundCommitted(RoundCommitted(job: job, round: key.round))))
            }
        }
    }

    /// Sends a message to every agent that is connected, in the order of their names.
    func broadcast(_ message: CoordinatorMessage, _ actions: inout [CoordinatorAction]) {
        for (_, record) in agents.sorted(by: { $0.key < $1.key }) {
            if let connection = record.connection { actions.append(.send(connection, message)) }
        }
    }

    /// Begins the oldest job that is not over, if none runs.
    mutating func startNextJob(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard activeJob == nil, !isShuttingDown else { return }
        guard let next = jobs.values.filter({ !$0.isOver }).map(\.job).min() else { return }
        activeJob = next
        let connected = agents.filter { $0.value.connection != nil }.map(\.key).sorted()
        let able = connected.filter { takesPart($0, in: next, &actions) }
        let samples = able.compactMap { agent in agents[agent]?.resources["samples"].map { (agent, $0) } }
        jobs[next]?.setAvailable(able, samples: Dictionary(uniqueKeysWithValues: samples))
        step(next, .begin, now, &actions)
    }

    // MARK: - The journal

    mutating func recorded(_ token: RecordToken, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        switch token {
        case .job(let job, let record):
            step(job, .recorded(record), now, &actions)
        case .submission(let job, let connection):
            submitted(job, connection, now, &actions)
        case .adaptation(let job, let record):
            stepAdaptation(job, now, &actions) { $0.recorded(record, now) }
        }
    }

    mutating func recordFailed(
        _ token: RecordToken,
        _ message: String,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        actions.append(.log(LogLine(.error, "the journal cannot be written: \(message); free some space on its disk")))
        switch token {
        case .job(let job, let record):
            step(job, .recordFailed(record, message), now, &actions)
        case .submission(let job, let connection):
            submissions[job] = nil
            actions.append(.send(connection, .operatorReply(.refused(.storageFailed, message: message))))
        case .adaptation(let job, let record):
            stepAdaptation(job, now, &actions) { $0.recordFailed(record, message) }
        }
    }

    // MARK: - Evaluation

    private mutating func evaluate(
        _ round: RoundNumber,
        of job: JobID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let machine = jobs[job], let model = machine.model else { return }
        // Also those that may still come back: they are asked when they do.
        let specification = machine.specification
        let able = agents.filter { _, record in
            guard record.connection != nil else { return true }
            return record.missing(for: specification.codec).isEmpty && record.isAdmitted(to: specification)
        }
        let asked = able.keys.sorted()
        let deadline = now.advanced(by: specification.round.deadline.duration)
        let task = EvaluateTask(
            job: job,
            base: model.reference,
            model: specification.model,
            layout: model.layout
        )
        evaluations[round] = EvaluationCollector(task: task, awaiting: Set(asked), deadline: deadline)
        for agent in asked { askToEvaluate(agent, round, &actions) }
        if asked.isEmpty { finishEvaluation(round, now, &actions) }
    }

    private func askToEvaluate(_ agent: AgentID, _ round: RoundNumber, _ actions: inout [CoordinatorAction]) {
        guard let evaluation = evaluations[round], evaluation.isAwaiting(agent),
            let connection = connection(of: agent)
        else { return }
        actions.append(.send(connection, .evaluate(evaluation.task)))
    }

    /// Asks an agent that came back for what it still owes: its report may have been lost with its connection.
    mutating func askToEvaluateAgain(_ agent: AgentID, _ actions: inout [CoordinatorAction]) {
        for round in evaluations.keys.sorted() { askToEvaluate(agent, round, &actions) }
    }

    mutating func evaluationArrived(
        _ report: EvaluationReport,
        from agent: AgentID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard evaluations[report.round]?.job == report.job else { return }
        evaluations[report.round]?.add(report.outcome, from: agent)
        // An agent works in order: what it has not reported of earlier models will not come.
        for round in evaluations.keys.sorted() where round < report.round {
            evaluationFailed(report.job, round, agent, now, &actions)
        }
        if evaluations[report.round]?.isComplete == true { finishEvaluation(report.round, now, &actions) }
    }

    mutating func evaluationFailed(
        _ job: JobID,
        _ round: RoundNumber,
        _ agent: AgentID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard evaluations[round]?.job == job else { return }
        evaluations[round]?.giveUp(agent)
        if evaluations[round]?.isComplete == true { finishEvaluation(round, now, &actions) }
    }

    mutating func finishEvaluation(_ round: RoundNumber, _ now: Instant, _ actions: inout [CoordinatorAction]) {
        guard let evaluation = evaluations.removeValue(forKey: round) else { return }
        step(evaluation.job, .evaluated(round, evaluation.summary), now, &actions)
    }
}
