// SPDX-License-Identifier: Apache-2.0

extension CoordinatorCore {
    mutating func opened(
        _ connection: ConnectionID,
        _ peer: String,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        precondition(sessions[connection] == nil, "a connection opens once")
        if isShuttingDown || sessions.count >= Limits.connections {
            let reason: ReasonCode = isShuttingDown ? .shuttingDown : .overloaded
            let text = isShuttingDown ? "the coordinator stops" : "the coordinator is full; come back later"
            actions.append(.close(connection, Goodbye(reason, text, retryAfter: configuration.reconnectLatest)))
            return
        }
        sessions[connection] = Session(peer: peer, state: .greeting, lastHeard: now)
        greeting[connection] = now.advanced(by: configuration.helloLimit)
    }

    mutating func greet(
        _ hello: Hello,
        _ connection: ConnectionID,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard case .greeting = sessions[connection]?.state else {
            return drop(connection, Goodbye(.protocolViolation, "a second hello on one connection"), now, &actions)
        }
        guard let version = ProtocolVersion.common(oldest: hello.oldestVersion, newest: hello.newestVersion) else {
            let text =
                "this coordinator speaks protocol versions \(ProtocolVersion.oldest) to \(ProtocolVersion.newest), "
                + "the peer \(hello.oldestVersion) to \(hello.newestVersion); update the older side"
            return drop(connection, Goodbye(.unsupportedVersion, text), now, &actions)
        }
        greeting[connection] = nil
        switch hello.role {
        case .operator:
            sessions[connection]?.state = .operator(watching: [])
            actions.append(.send(connection, .welcome(welcome(version))))
        case .agent:
            guard let agent = AgentID(hello.agent) else {
                let text = "an agent's name has 1 to 128 characters out of letters, digits, '.', '_' and '-'"
                return drop(connection, Goodbye(.invalidAgent, text), now, &actions)
            }
            admit(agent, hello, connection, version, now, &actions)
        }
    }

    private func welcome(_ version: UInt32) -> Welcome {
        Welcome(
            version: version,
            heartbeat: configuration.heartbeat,
            silenceLimit: configuration.silenceLimit,
            reconnectEarliest: configuration.reconnectEarliest,
            reconnectLatest: configuration.reconnectLatest,
            chunkBytes: configuration.chunkBytes
        )
    }

    private mutating func admit(
        _ agent: AgentID,
        _ hello: Hello,
        _ connection: ConnectionID,
        _ version: UInt32,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        if let older = agents[agent]?.connection {
            let text = "another connection of \(agent) took over; give each agent a name of its own"
            drop(older, Goodbye(.replaced, text), now, &actions)
        }
        sessions[connection]?.state = .agent(agent)
        agents[agent] = AgentRecord(
            connection: connection,
            codecs: Set(hello.codecs),
            labels: hello.labels,
            resources: hello.resources
        )
        lost[agent] = nil
        actions.append(.send(connection, .welcome(welcome(version))))
        let peer = sessions[connection]?.peer ?? ""
        actions.append(.log(LogLine(.info, "\(agent) connected from \(peer) (\(hello.software))")))
        offerStreams(agent, now, &actions)
        guard let job = activeJob else { return }
        guard takesPart(agent, in: job, &actions) else {
            // It may have been asked before, as a process that could more: nobody needs to wait for that.
            for round in evaluations.keys.sorted() { evaluationFailed(job, round, agent, now, &actions) }
            return step(job, .agentUnavailable(agent), now, &actions)
        }
        askToEvaluateAgain(agent, &actions)
        step(job, .agentAvailable(agent, samples: hello.resources["samples"]), now, &actions)
    }

    /// Whether an agent knows all codecs of a job and is one that the job selects from; if not, that is logged.
    func takesPart(_ agent: AgentID, in job: JobID, _ actions: inout [CoordinatorAction]) -> Bool {
        guard let specification = jobs[job]?.specification, let record = agents[agent] else { return false }
        let missing = record.missing(for: specification.codec)
        guard !missing.isEmpty else {
            guard !record.isAdmitted(to: specification), let condition = specification.selection?.predicate else {
                return true
            }
            let text = "\(agent) takes no part in \(job), which selects agents where \(condition)"
            actions.append(.log(LogLine(.info, text)))
            return false
        }
        let names = missing.joined(separator: ", ")
        let text = "\(agent) takes no part in \(job): it lacks the codec \(names); update it, or change the job's codec"
        actions.append(.log(LogLine(.warning, text)))
        return false
    }

    /// Ends a connection from this side.
    mutating func drop(
        _ connection: ConnectionID,
        _ goodbye: Goodbye,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        actions.append(.close(connection, goodbye))
        closed(connection, "\(goodbye.reason): \(goodbye.message)", now, &actions)
    }

    mutating func closed(
        _ connection: ConnectionID,
        _ why: String,
        _ now: Instant,
        _ actions: inout [CoordinatorAction]
    ) {
        guard let session = sessions.removeValue(forKey: connection) else { return }
        greeting[connection] = nil
        for key in uploads.suspend(connection) { actions.append(.suspendSpool(key)) }
        openWaitingUploads(now, &actions)
        let level: LogLine.Level = session.agent == nil ? .debug : .info
        let who = session.agent?.name ?? session.peer
        actions.append(.log(LogLine(level, "\(who) disconnected: \(why)")))
        guard let agent = session.agent, agents[agent]?.connection == connection else { return }
        agents[agent]?.connection = nil
        lost[agent] = now
        for job in adaptations.keys { adaptations[job]?.agentDisconnected(agent) }
        if let job = activeJob { step(job, .agentDisconnected(agent), now, &actions) }
    }

    /// Closes connections on which nothing was heard for too long.
    mutating func checkSilence(_ now: Instant, _ actions: inout [CoordinatorAction]) {
        for connection in greeting.filter({ now >= $0.value }).keys.sorted(by: { $0.value < $1.value }) {
            drop(connection, Goodbye(.silent, "no hello in time"), now, &actions)
        }
        guard now >= nextSilenceCheck else { return }
        nextSilenceCheck = now.advanced(by: configuration.silenceLimit / 4)
        let silent = sessions.filter {
            $0.value.agent != nil && $0.value.lastHeard.advanced(by: configuration.silenceLimit) <= now
        }
        for connection in silent.keys.sorted(by: { $0.value < $1.value }) {
            drop(connection, Goodbye(.silent, "nothing was heard for the silence limit"), now, &actions)
        }
    }
}
