// SPDX-License-Identifier: Apache-2.0

/// Decides when one attempt at a round is complete: who was asked, who answered, whether that is enough.
struct RoundMachine {
    /// Where an agent of the cohort stands.
    enum Standing: Equatable {
        /// Was asked; no update yet.
        case pending
        /// Its update passed all checks and is being written to the journal.
        case recording(AcceptedUpdate)
        /// Its update counts.
        case accepted(AcceptedUpdate)
        /// Its update was refused, it failed, or it was lost.
        case failed(ReasonCode)
    }

    /// What a round does now.
    enum Decision: Equatable {
        /// Waits for more updates.
        case wait
        /// Has what it wants.
        case close
        /// Waits one more deadline.
        case extend
        /// Gives up this attempt.
        case abandon
    }

    let job: JobID
    let number: RoundNumber
    let attempt: UInt32
    let cohort: [AgentID]
    let policy: RoundPolicy
    /// What agents of the cohort were asked for earlier and still work on.
    let carried: [AgentID: AskedTask]
    /// Why each agent of the cohort was chosen; nil where that is not known.
    let reasons: SelectionReasons?
    /// When its first task was given.
    private(set) var startedAt: Instant
    private(set) var deadline: Instant
    private(set) var standing: CohortStanding
    private(set) var acceptedCount = 0
    private(set) var recordingCount = 0
    private(set) var pendingCount: Int
    private var extensions = 0
    /// The accepted updates of a round that takes no more.
    private var final: [AcceptedUpdate]?

    init(
        job: JobID,
        number: RoundNumber,
        attempt: UInt32,
        cohort: [AgentID],
        policy: RoundPolicy,
        carried: [AskedTask] = [],
        reasons: SelectionReasons? = nil,
        now: Instant
    ) {
        self.job = job
        self.reasons = reasons
        self.carried = Dictionary(uniqueKeysWithValues: carried.map { ($0.key.agent, $0) })
        self.number = number
        self.attempt = attempt
        self.cohort = cohort
        self.policy = policy
        startedAt = now
        deadline = now.advanced(by: policy.deadline.duration)
        standing = CohortStanding(pending: cohort)
        pendingCount = cohort.count
    }

    var target: Int { policy.targetCount(selected: cohort.count) }

    /// The accepted updates in the order of their keys: the order in which they are folded.
    var accepted: [AcceptedUpdate] {
        if let final { return final }
        guard acceptedCount > 0 else { return [] }
        let updates = cohort.indices.compactMap {
            if case .accepted(let update) = standing[$0] { update } else { nil }
        }
        // The cohort is in order, and so are the keys of one round.
        return carried.isEmpty ? updates : updates.sorted { $0.key < $1.key }
    }

    /// The agents that were asked and have not answered, in order.
    var pending: [AgentID] {
        guard pendingCount > 0 else { return [] }
        return cohort.indices.compactMap { if case .pending = standing[$0] { cohort[$0] } else { nil } }
    }

    /// What an agent of the cohort works on.
    func task(of agent: AgentID) -> AskedTask {
        carried[agent]
            ?? AskedTask(
                key: UpdateKey(job: job, round: number, attempt: attempt, agent: agent),
                base: RoundNumber(number.value - 1)
            )
    }

    /// The rounds between the model that an agent's work started from and the one that this round changes.
    func staleness(of agent: AgentID) -> UInt32 {
        number.value - 1 - task(of: agent).base.value
    }

    /// Whether an update that passed its checks now would still find a place.
    var hasRoom: Bool { acceptedCount + recordingCount < target }

    /// Gives the first task.
    mutating func start(at now: Instant) {
        startedAt = now
    }

    /// Changes where an agent of the cohort stands.
    mutating func set(_ agent: AgentID, to new: Standing) {
        guard let position = standing.position(of: agent) else {
            preconditionFailure("only agents of the cohort have a standing in its round")
        }
        count(standing[position], by: -1)
        count(new, by: 1)
        standing[position] = new
        final = nil
        assert(acceptedCount + recordingCount <= target, "a round never accepts more updates than it wants")
    }

    /// Accepts updates of this round at once, without the journal.
    ///
    /// - Parameter updates: looked up fastest in the order of the cohort.
    /// - Returns: the positions of those that do not count now, ascending.
    mutating func accept(_ updates: [AcceptedUpdate]) -> [Int] {
        var refused: [Int] = []
        var isInOrder = updates.count == cohort.count
        for (index, update) in updates.enumerated() {
            if let position = accept(update, near: index) {
                isInOrder = isInOrder && position == index
            } else {
                refused.append(index)
            }
        }
        if isInOrder, refused.isEmpty { final = updates }
        return refused
    }

    /// Gives the position in the cohort; nil for an update that does not count now.
    private mutating func accept(_ update: AcceptedUpdate, near expected: Int) -> Int? {
        let agent = update.key.agent
        guard hasRoom, carried.isEmpty || carried[agent] == nil, update.key.round == number,
            update.key.attempt == attempt, update.key.job == job,
            let position = standing.position(of: agent, near: expected), case .pending = standing[position]
        else { return nil }
        pendingCount -= 1
        acceptedCount += 1
        standing[position] = .accepted(update)
        return position
    }

    /// Takes no more updates: what counts is put in order once.
    mutating func close() {
        final = accepted
    }

    private mutating func count(_ standing: Standing, by change: Int) {
        switch standing {
        case .pending: pendingCount += change
        case .recording: recordingCount += change
        case .accepted: acceptedCount += change
        case .failed: break
        }
    }

    /// What to do now. A round never closes while an update is being journaled: after a crash that update would count.
    func decision(at now: Instant) -> Decision {
        guard recordingCount == 0 else { return .wait }
        if acceptedCount >= target { return .close }
        let isDue = now >= deadline
        guard pendingCount == 0 || isDue else { return .wait }
        if policy.mode == .buffered { return partialBuffer() }
        if acceptedCount >= policy.quorumCount(selected: cohort.count) { return .close }
        switch policy.belowQuorum {
        case .accept:
            return acceptedCount >= policy.minimumUpdates ? .close : .abandon
        case .abandon:
            return .abandon
        case .extend:
            // Nobody is left to wait for: agents that were lost may come back until the deadline.
            guard isDue else { return hasLostAgents ? .wait : .abandon }
            return extensions < policy.maximumExtensions ? .extend : .abandon
        }
    }

    /// What to do with a buffer that is not full and has nobody left to wait for, or at its deadline: nothing that was
    /// accepted is ever given up.
    private func partialBuffer() -> Decision {
        if acceptedCount > 0, pendingCount == 0 || acceptedCount >= policy.minimumUpdates { return .close }
        return pendingCount == 0 ? .abandon : .extend
    }

    private var hasLostAgents: Bool {
        standing.contains(.failed(.agentLost))
    }

    mutating func extend(at now: Instant) {
        extensions += 1
        deadline = now.advanced(by: policy.deadline.duration)
    }
}
