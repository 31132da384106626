// SPDX-License-Identifier: Apache-2.0

extension JobMachine {
    /// Where an update that is offered now stands.
    public enum OfferStanding: Sendable, Equatable {
        /// It is wanted: its bytes may come.
        case wanted
        /// It counts already.
        case accepted
        /// It passed all checks; the journal has it in hand.
        case inHand
        /// Its round has not begun (again) after a restart: the agent keeps it until it is asked.
        case notYet
        /// It does not count.
        case refused(ReasonCode)
    }

    /// Says whether the update of this key is wanted now.
    public func standing(of key: UpdateKey) -> OfferStanding {
        if lastCommitted.contains(key) { return .accepted }
        if carriedTask(of: key.agent)?.key == key {
            return held.contains { $0.key == key } ? .inHand : .wanted
        }
        if key.round <= status.round, !specification.round.carriesWork { return .refused(.lateUpdate) }
        switch stage {
        case .training(let round):
            return standing(of: key, in: round, isOpen: true)
        case .folding(let round), .committing(let round, _, _):
            return standing(of: key, in: round, isOpen: false)
        case .queued, .preparing:
            if let recoveredRound { return standing(of: key, in: recoveredRound) }
            return isAhead(key, of: status.round.next, abandonedAttempts + 1) ? .notYet : .refused(.lateUpdate)
        case .gathering, .starting, .abandoning:
            return isAhead(key, of: status.round.next, abandonedAttempts + 1) ? .notYet : .refused(.lateUpdate)
        case .evaluating, .ending, .over:
            return .refused(.lateUpdate)
        }
    }

    /// The digest of the model that an update of this key has to start from; nil where it is not known any more.
    public func base(of key: UpdateKey) -> BlobDigest? {
        let task: AskedTask? =
            switch stage {
            case .training(let round), .starting(let round): round.task(of: key.agent)
            default: nil
            }
        let wanted = [task, carried[key.agent]].lazy.compactMap { $0 }.first { $0.key == key }?.base
        guard let wanted, specification.round.carriesWork else { return model?.reference.digest }
        return [model, previousModel].lazy.compactMap { $0?.reference }.first { $0.round == wanted }?.digest
    }

    /// Whether a key's round begins at the given attempt or later. Such an update was made before the coordinator
    /// lost power.
    private func isAhead(_ key: UpdateKey, of round: RoundNumber, _ attempt: UInt32) -> Bool {
        guard key.round.value <= status.totalRounds else { return false }
        return key.round > round || (key.round == round && key.attempt >= attempt)
    }

    private func standing(of key: UpdateKey, in recovered: RecoveredJob.OpenRound) -> OfferStanding {
        guard key == recovered.key(of: key.agent, job) else {
            return isAhead(key, of: recovered.round, recovered.attempt) ? .notYet : .refused(.lateUpdate)
        }
        guard recovered.cohort.contains(key.agent) else { return .refused(.notSelected) }
        if recovered.accepted.contains(where: { $0.key == key }) { return .accepted }
        if let reason = recovered.refused[key.agent] { return .refused(reason) }
        return .notYet
    }

    private func standing(of key: UpdateKey, in round: RoundMachine, isOpen: Bool) -> OfferStanding {
        guard key == round.task(of: key.agent).key else {
            return isAhead(key, of: round.number, round.attempt) ? .notYet : .refused(.lateUpdate)
        }
        if held.contains(where: { $0.key == key }) { return .inHand }
        switch round.standing[key.agent] {
        case nil: return .refused(.notSelected)
        case .accepted: return .accepted
        case .recording: return .inHand
        case .pending, .failed(.agentLost):
            guard isOpen else { return .refused(.lateUpdate) }
            return round.hasRoom || round.policy.mode == .buffered ? .wanted : .refused(.roundFull)
        case .failed(let reason): return .refused(reason)
        }
    }

    /// The agents that are asked in the open round and have not answered.
    public var pendingAgents: [AgentID] {
        if case .training(let round) = stage { round.pending } else { [] }
    }

    // MARK: - Updates

    mutating func verified(_ update: AcceptedUpdate, _ now: Instant, _ actions: inout [JobAction]) {
        switch standing(of: update.key) {
        case .accepted:
            actions.append(.accept(update.key))
        case .inHand, .notYet:
            break
        case .refused(let reason):
            actions.append(.refuse(update.key, reason, "the round is over or has what it wants"))
        case .wanted:
            guard case .training(var round) = stage, carried[update.key.agent]?.key != update.key, round.hasRoom else {
                // Of a later round than the one under way.
                return held.append(update)
            }
            var update = checkScore(of: update, &actions)
            update.round = round.number
            update.staleness = round.staleness(of: update.key.agent)
            change(&round, update.key.agent, to: .recording(update))
            actions.append(.record([.accepted(update)], .accepted(update.key.agent)))
        }
    }

    /// Counts updates that no journal has to know of; those that do not count now go the way of single ones.
    mutating func verifiedTogether(_ updates: [AcceptedUpdate], _ now: Instant, _ actions: inout [JobAction]) {
        var others: [AcceptedUpdate] = []
        if case .training(var round) = stage, !round.policy.carriesWork {
            stage = .queued
            let refused = round.accept(updates)
            stage = .training(round)
            others = refused.map { updates[$0] }
            var next = refused[...]
            for (index, update) in updates.enumerated() {
                if index == next.first { next.removeFirst() } else { count(update, sign: 1) }
            }
        } else {
            others = updates
        }
        for update in others { verified(update, now, &actions) }
        settle(now, &actions)
    }

    /// Changes where an agent stands in the open round, of which the caller has a copy.
    ///
    /// The stage lets go of its own copy first: with two owners, the table of agents would be copied for every update,
    /// which is quadratic in the cohort.
    private mutating func change(_ round: inout RoundMachine, _ agent: AgentID, to standing: RoundMachine.Standing) {
        stage = .queued
        round.set(agent, to: standing)
        stage = .training(round)
    }

    mutating func acceptedRecorded(_ agent: AgentID, _ now: Instant, _ actions: inout [JobAction]) {
        guard case .training(var round) = stage, case .recording(let update) = round.standing[agent] else { return }
        change(&round, agent, to: .accepted(update))
        count(update, sign: 1)
        actions.append(.accept(update.key))
        workAhead(agent, round, now, &actions)
        settle(now, &actions)
    }

    mutating func unrecord(_ agent: AgentID, _ message: String, _ now: Instant, _ actions: inout [JobAction]) {
        guard case .training(var round) = stage, case .recording(let update) = round.standing[agent] else { return }
        change(&round, agent, to: .pending)
        actions.append(.refuse(update.key, .storageFailed, message))
        settle(now, &actions)
    }

    mutating func failed(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ message: String,
        _ now: Instant,
        _ actions: inout [JobAction]
    ) {
        if carriedTask(of: key.agent)?.key == key { return carriedFailed(key, reason, message, &actions) }
        guard case .training(var round) = stage, key == round.task(of: key.agent).key,
            round.standing[key.agent] == .pending
        else { return }
        change(&round, key.agent, to: .failed(reason))
        tellFailure(key, reason, message, &actions)
        settle(now, &actions)
    }

    mutating func tellFailure(
        _ key: UpdateKey,
        _ reason: ReasonCode,
        _ message: String,
        _ actions: inout [JobAction]
    ) {
        status.refusedUpdates += 1
        actions.append(.record([.refused(key, reason)], .refused))
        let text = "\(key.agent) in round \(key.round): \(reason)" + (message.isEmpty ? "" : ": \(message)")
        lastTrouble = text
        actions.append(.notify(JobEvent(kind: .agentTrouble, status: status, message: text)))
    }

    // MARK: - The end of a round

    /// Does what the round decides, if a round is open.
    mutating func settle(_ now: Instant, _ actions: inout [JobAction]) {
        guard case .training(var round) = stage else { return }
        switch round.decision(at: now) {
        case .wait:
            break
        case .extend:
            round.extend(at: now)
            stage = .training(round)
            let text = "round \(round.number) has \(round.acceptedCount) of \(round.target) updates; deadline extended"
            actions.append(.notify(JobEvent(kind: .status, status: status, message: text)))
        case .close:
            carryOn(round, &actions)
            round.close()
            stage = .folding(round)
            actions.append(.fold(round.number, round.accepted))
        case .abandon:
            abandon(round, &actions)
        }
    }

    func withdrawPending(_ round: RoundMachine, _ reason: ReasonCode, _ actions: inout [JobAction]) {
        for agent in round.pending {
            actions.append(.withdraw(round.task(of: agent).key, reason))
        }
    }

    private mutating func abandon(_ round: RoundMachine, _ actions: inout [JobAction]) {
        for update in round.accepted { count(update, sign: -1) }
        abandonedAttempts = round.attempt
        let text = "round \(round.number), attempt \(round.attempt): \(round.acceptedCount) of \(round.target) updates"
        guard round.attempt < UInt32(specification.round.maximumAttempts) else {
            let last = lastTrouble.isEmpty ? "" : "; the last trouble: \(lastTrouble)"
            return end(.failed, "\(text); given up after \(round.attempt) attempts\(last)", &actions)
        }
        withdrawPending(round, .roundAbandoned, &actions)
        stage = .abandoning
        actions.append(.record([.roundAbandoned(job, round.number, attempt: round.attempt)], .abandoned))
        actions.append(.notify(JobEvent(kind: .roundAbandoned, status: status, message: text)))
    }

    mutating func abandonRecorded(_ now: Instant, _ actions: inout [JobAction]) {
        guard case .abandoning = stage else { return }
        actions.append(.abandoned(status.round.next, attempt: abandonedAttempts))
        gather(now, &actions)
    }

    mutating func folded(_ prepared: PreparedModel, _ now: Instant, _ actions: inout [JobAction]) {
        guard case .folding(let round) = stage else { return }
        let committed = CommittedRound(
            round: round.number,
            modelDigest: prepared.modelDigest,
            updates: round.accepted,
            elapsed: round.startedAt.duration(to: now)
        )
        stage = .committing(round, prepared, committed)
        actions.append(.record([.roundCommitted(job, committed)], .committed))
    }

    mutating func commitRecorded(_ now: Instant, _ actions: inout [JobAction]) {
        guard case .committing(let round, let prepared, let committed) = stage else { return }
        adopt(prepared)
        // Nobody offers an update twice to a shell that trains the agents itself.
        lastCommitted = asksTogether && !prepared.agentsRemember ? [] : Set(round.accepted.map(\.key))
        if prepared.agentsRemember {
            for key in lastCommitted {
                lastCounted[key.agent] = CountedUpdate(round: key.round, attempt: key.attempt)
            }
        }
        rememberReports(of: round)
        abandonedAttempts = 0
        status.round = round.number
        status.elapsed += committed.elapsed
        status.trainingTime += committed.trainingTime
        status.message = ""
        actions.append(.committed(committed))
        actions.append(
            .notify(JobEvent(kind: .roundCommitted, status: status, message: "loss \(committed.loss)"))
        )
        let isLast = round.number.value >= status.totalRounds
        let every = specification.evaluateEvery
        let isEvaluated = every > 0 && (isLast || Int(round.number.value) % every == 0)
        if isEvaluated { actions.append(.evaluate(round.number)) }
        if !isLast {
            gather(now, &actions)
        } else if isEvaluated {
            stage = .evaluating
        } else {
            end(.finished, "", &actions)
        }
    }

    mutating func evaluated(_ round: RoundNumber, _ summary: EvaluationSummary, _ actions: inout [JobAction]) {
        guard round >= status.evaluatedRound, !isOver else { return }
        status.evaluatedRound = round
        status.evaluation = summary
        actions.append(.record([.evaluated(job, round, summary)], .evaluated))
        actions.append(.notify(JobEvent(kind: .evaluated, status: status)))
        if let target = specification.target, target.stops, summary.accuracy >= target.accuracy {
            let text = "round \(round) reached accuracy \(summary.accuracy), the target is \(target.accuracy)"
            return end(.finished, text, &actions)
        }
        if case .evaluating = stage, round == status.round { end(.finished, "", &actions) }
    }
}
