// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension CoordinatorCore {
    mutating func requested(
        _ request: OperatorRequest,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        switch request {
        case .submit(let text):
            submit(text, connection, &actions)
        case .list:
            actions.append(.send(connection, .operatorReply(.jobs(allStatuses.map { current($0) }))))
        case .status(let id):
            guard let status = known(id, connection, &actions) else { return }
            actions.append(.send(connection, .operatorReply(.jobs([status]))))
        case .watch(let id):
            guard let status = known(id, connection, &actions) else { return }
            if case .operator(var watching) = sessions[connection]?.state {
                watching.insert(id)
                sessions[connection]?.state = .operator(watching: watching)
            }
            let event = JobEvent(kind: status.phase.isOver ? .ended : .status, status: status)
            actions.append(.send(connection, .operatorReply(.event(event))))
        case .cancel(let id):
            cancel(id, connection, now, &actions)
        case .purge(let agent, let job):
            purge(agent, job, connection, now, &actions)
        case .holdings(let agent):
            holdings(agent, connection, &actions)
        }
    }

    private mutating func cancel(
        _ id: JobID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let job = known(id, connection, &actions) else { return }
        if job.phase.isOver {
            return refuse(.jobOver, "\(id) is over (\(job.phase)); nothing to cancel", connection, &actions)
        }
        step(id, .cancel, now, &actions)
        stepAdaptation(id, now, &actions) { $0.cancel() }
        if let job = status(of: id) { actions.append(.send(connection, .operatorReply(.jobs([job])))) }
    }

    private func known(
        _ id: JobID,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) -> JobStatus? {
        if let status = status(of: id) { return status }
        refuse(.unknownJob, "there is no \(id) here; `tributary job list` shows all", connection, &actions)
        return nil
    }

    func refuse(
        _ reason: ReasonCode,
        _ message: String,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) {
        actions.append(.send(connection, .operatorReply(.refused(reason, message: message))))
    }

    private func status(of job: JobID) -> JobStatus? {
        (jobs[job]?.status ?? adaptations[job]?.status).map { current($0) }
    }

    private func current(_ status: JobStatus) -> JobStatus {
        var status = status
        status.connectedAgents = UInt32(clamping: agents.count - lost.count)
        return status
    }

    private mutating func submit(_ text: String, _ connection: ConnectionID, _ actions: inout [CoordinatorAction]) {
        let open = jobs.values.count { !$0.isOver } + adaptations.values.count { !$0.isOver }
        guard open + submissions.count < Limits.openJobs else {
            return refuse(.overloaded, "\(Limits.openJobs) jobs wait already", connection, &actions)
        }
        do {
            let specification = try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
            if let objection = validate(specification) {
                return refuse(.invalidJob, objection, connection, &actions)
            }
            lastJobNumber += 1
            let job = JobID(lastJobNumber)
            submissions[job] = specification
            actions.append(.record([.submitted(job, specification)], .submission(job, connection)))
        } catch let error as SpecificationError {
            refuse(.invalidJob, error.message, connection, &actions)
        } catch {
            refuse(.invalidJob, "the job is no valid JSON", connection, &actions)
        }
    }

    mutating func submitted(
        _ id: JobID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let specification = submissions.removeValue(forKey: id) else { return }
        if specification.adaptation != nil {
            adaptations[id] = AdaptationMachine(job: id, specification: specification)
        } else {
            jobs[id] = JobMachine(job: id, specification: specification)
        }
        if sessions[connection] != nil, let status = status(of: id) {
            actions.append(.send(connection, .operatorReply(.jobs([status]))))
        }
        actions.append(.log(LogLine(.info, "\(id) '\(specification.name)' was submitted")))
        startNextJob(now, &actions)
        beginAdaptation(id, now, &actions)
    }

    /// Tells a job's event to those who watch it, and to the shell.
    func notify(_ event: JobEvent, _ actions: inout [CoordinatorAction]) {
        var event = event
        event.status.connectedAgents = UInt32(clamping: agents.count - lost.count)
        if let bytesDown = status(of: event.status.job)?.bytesDown { event.status.bytesDown = bytesDown }
        for (connection, session) in sessions.sorted(by: { $0.key.value < $1.key.value }) {
            guard case .operator(let watching) = session.state, watching.contains(event.status.job) else { continue }
            actions.append(.send(connection, .operatorReply(.event(event))))
        }
        actions.append(.notify(event))
    }
}
