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
            let all = jobs.values.sorted { $0.job < $1.job }.map { status(of: $0) }
            actions.append(.send(connection, .operatorReply(.jobs(all))))
        case .status(let id):
            guard let job = known(id, connection, &actions) else { return }
            actions.append(.send(connection, .operatorReply(.jobs([status(of: job)]))))
        case .watch(let id):
            guard let job = known(id, connection, &actions) else { return }
            if case .operator(var watching) = sessions[connection]?.state {
                watching.insert(id)
                sessions[connection]?.state = .operator(watching: watching)
            }
            let event = JobEvent(kind: job.isOver ? .ended : .status, status: status(of: job))
            actions.append(.send(connection, .operatorReply(.event(event))))
        case .cancel(let id):
            guard let job = known(id, connection, &actions) else { return }
            if job.isOver {
                let text = "\(id) is over (\(job.status.phase)); nothing to cancel"
                return refuse(.unknownJob, text, connection, &actions)
            }
            step(id, .cancel, now, &actions)
            if let job = jobs[id] { actions.append(.send(connection, .operatorReply(.jobs([status(of: job)])))) }
        }
    }

    private func known(
        _ id: JobID,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) -> JobMachine? {
        if let job = jobs[id] { return job }
        refuse(.unknownJob, "there is no \(id) here; `tributary job list` shows all", connection, &actions)
        return nil
    }

    private func refuse(
        _ reason: ReasonCode,
        _ message: String,
        _ connection: ConnectionID,
        _ actions: inout [CoordinatorAction]
    ) {
        actions.append(.send(connection, .operatorReply(.refused(reason, message: message))))
    }

    private func status(of job: JobMachine) -> JobStatus {
        var status = job.status
        status.connectedAgents = UInt32(clamping: agents.count - lost.count)
        return status
    }

    private mutating func submit(_ text: String, _ connection: ConnectionID, _ actions: inout [CoordinatorAction]) {
        guard jobs.values.count(where: { !$0.isOver }) + submissions.count < Limits.openJobs else {
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
        let job = JobMachine(job: id, specification: specification)
        jobs[id] = job
        if sessions[connection] != nil {
            actions.append(.send(connection, .operatorReply(.jobs([status(of: job)]))))
        }
        actions.append(.log(LogLine(.info, "\(id) '\(specification.name)' was submitted")))
        startNextJob(now, &actions)
    }

    /// Tells a job's event to those who watch it, and to the shell.
    func notify(_ event: JobEvent, _ actions: inout [CoordinatorAction]) {
        var event = event
        event.status.connectedAgents = UInt32(clamping: agents.count - lost.count)
        if let bytesDown = jobs[event.status.job]?.status.bytesDown { event.status.bytesDown = bytesDown }
        for (connection, session) in sessions.sorted(by: { $0.key.value < $1.key.value }) {
            guard case .operator(let watching) = session.state, watching.contains(event.status.job) else { continue }
            actions.append(.send(connection, .operatorReply(.event(event))))
        }
        actions.append(.notify(event))
    }
}
