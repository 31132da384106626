// SPDX-License-Identifier: Apache-2.0

/// Work that goes on beyond its round: buffered and overlapped rounds.
extension JobMachine {
    /// What an agent was asked for earlier and still works on, in any stage.
    func carriedKey(of agent: AgentID) -> UpdateKey? {
        if let task = carriedTask(of: agent) { return task.key }
        guard case .training(let round) = stage, round.standing[agent] == .pending else { return nil }
        return round.policy.carriesWork ? round.task(of: agent).key : nil
    }

    /// What an agent was asked for earlier, between two rounds or while the next one is being journaled.
    func carriedTask(of agent: AgentID) -> AskedTask? {
        if let task = carried[agent] { return task }
        guard case .starting(let round) = stage, round.standing[agent] == .pending else { return nil }
        return round.carried[agent]
    }

    /// Whether the job has not begun or gone on yet: which model it has, and who is asked, is not known before.
    var isTakingUp: Bool {
        switch stage {
        case .queued, .preparing: true
        default: false
        }
    }

    /// Whether the round that a restart found open waits for this update.
    func awaitsRecovered(_ key: UpdateKey) -> Bool {
        guard let round = recoveredRound, round.cohort.contains(key.agent) else { return false }
        return round.key(of: key.agent, job) == key
    }

    /// Whether an update counts in the round that is under way.
    func hasAccepted(_ key: UpdateKey) -> Bool {
        switch stage {
        case .training(let round), .folding(let round), .committing(let round, _, _):
            if case .accepted(let update) = round.standing[key.agent] { update.key == key } else { false }
        default:
            recoveredRound?.accepted.contains { $0.key == key } ?? false
        }
    }

    /// Decides at a round's end what becomes of those who have not answered.
    mutating func carryOn(_ round: RoundMachine, _ actions: inout [JobAction]) {
        guard round.policy.mode == .buffered, round.number.value < status.totalRounds else {
            return withdrawPending(round, .roundFull, &actions)
        }
        for agent in round.pending {
            let task = round.task(of: agent)
            // In the next round its staleness is one more.
            if round.staleness(of: agent) < UInt32(clamping: round.policy.maximumStaleness) {
                carried[agent] = task
            } else {
                held.removeAll { $0.key == task.key }
                actions.append(.withdraw(task.key, .lateUpdate))
            }
        }
    }

    /// Lets an agent whose update counts train on while its round is still under way.
    mutating func workAhead(
        _ agent: AgentID,
        _ round: RoundMachine,
        _ now: Instant,
        _ actions: inout [JobAction]
    ) {
        guard round.policy.mode == .overlapped, round.number.value < status.totalRounds, let model else { return }
        let key = UpdateKey(job: job, round: round.number.next, attempt: 1, agent: agent)
        let task = AskedTask(key: key, base: model.reference.round)
        carried[agent] = task
        assign(task, deadline: now.advanced(by: round.policy.deadline.duration), now, &actions)
    }

    /// The carried work that the next round begins with; work of agents that are gone for good is not among it.
    mutating func carriedTasks(
        into round: RoundNumber,
        _ attempt: UInt32,
        _ actions: inout [JobAction]
    ) -> [AskedTask] {
        let tasks = carried.values.sorted { $0.key.agent < $1.key.agent }
        carried = [:]
        // An attempt that is repeated names its updates anew.
        for task in tasks where task.key.round >= round && task.key.attempt != attempt {
            held.removeAll { $0.key == task.key }
            actions.append(.withdraw(task.key, .roundAbandoned))
        }
        return tasks.filter { $0.key.round < round || $0.key.attempt == attempt }
    }

    /// Counts what was checked before this round opened, as far as there is room.
    mutating func releaseHeld(_ now: Instant, _ actions: inout [JobAction]) {
        let updates = held.sorted { $0.key < $1.key }
        held = []
        for update in updates { verified(update, now, &actions) }
    }

    /// Forgets what an agent worked on that is gone for good. What was checked already stays: it needs its agent no
    /// more.
    mutating func drop(_ agent: AgentID) {
        guard let task = carried[agent], !held.contains(where: { $0.key == task.key }) else { return }
        carried[agent] = nil
    }

    mutating func carriedFailed(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ message: String,
        _ actions: inout [JobAction]
    ) {
        carried[key.agent] = nil
        if case .starting(var round) = stage {
            round.set(key.agent, to: .failed(reason))
            stage = .starting(round)
        }
        held.removeAll { $0.key == key }
        tellFailure(key, reason, message, &actions)
    }

    mutating func withdrawCarried(_ reason: ReasonCode, _ actions: inout [JobAction]) {
        for agent in carried.keys.sorted() {
            if let task = carried[agent] { actions.append(.withdraw(task.key, reason)) }
        }
        carried = [:]
        held = []
    }
}
