// SPDX-License-Identifier: Apache-2.0

@testable import Rounds

/// Drives one job: answers the journal, models, folds and evaluations at once unless it is told to hold them back.
struct JobDriver {
    var machine: JobMachine
    var now = Instant.start
    var actions: [JobAction] = []
    var journal: [JournalEntry] = []
    /// Records that are not answered.
    var holds: (JobRecord) -> Bool = { _ in false }
    var holdsModels = false
    var holdsFolds = false
    var held: [JobRecord] = []

    init(_ specification: JobSpecification, agents: [AgentID] = []) {
        machine = JobMachine(job: JobID(1), specification: specification)
        machine.setAvailable(agents)
    }

    init(recovering recovered: RecoveredJob, agents: [AgentID] = []) {
        machine = JobMachine(recovering: recovered)
        machine.setAvailable(agents)
    }

    mutating func give(_ input: JobInput) {
        var inputs = [input]
        while !inputs.isEmpty {
            let wanted = machine.handle(inputs.removeFirst(), at: now)
            actions += wanted
            for action in wanted { if let answer = answer(action) { inputs.append(answer) } }
        }
    }

    private mutating func answer(_ action: JobAction) -> JobInput? {
        switch action {
        case .record(let entries, let record):
            guard !holds(record) else {
                held.append(record)
                return nil
            }
            journal += entries
            return .recorded(record)
        case .prepareModel(let round): return holdsModels ? nil : .modelReady(.sample(round.value))
        case .fold(let round, _): return holdsFolds ? nil : .folded(.sample(round.value))
        case .evaluate(let round):
            return .evaluated(round, EvaluationSummary(sampleCount: 10, correctCount: 5, lossSum: 1))
        default: return nil
        }
    }

    mutating func wait(_ duration: Duration) {
        now = now.advanced(by: duration)
        give(.timer)
    }

    /// Lets time pass up to the machine's own deadline.
    mutating func waitForDeadline() {
        guard let deadline = machine.nextDeadline else { return }
        now = max(now, deadline)
        give(.timer)
    }

    func key(_ agent: AgentID, round: UInt32 = 1, attempt: UInt32 = 1) -> UpdateKey {
        UpdateKey(job: machine.job, round: RoundNumber(round), attempt: attempt, agent: agent)
    }

    mutating func verify(_ agent: AgentID, round: UInt32 = 1, attempt: UInt32 = 1) {
        give(.verified(.sample(agent, round: round, attempt: attempt)))
    }

    /// The tasks since the last call of ``clear()``.
    var tasks: [TrainTask] { actions.compactMap { if case .assign(_, let task) = $0 { task } else { nil } } }
    var accepts: [UpdateKey] { actions.compactMap { if case .accept(let key) = $0 { key } else { nil } } }
    var folds: [[AcceptedUpdate]] { actions.compactMap { if case .fold(_, let updates) = $0 { updates } else { nil } } }
    var withdrawn: [(UpdateKey, ReasonCode)] {
        actions.compactMap { if case .withdraw(let key, let reason) = $0 { (key, reason) } else { nil } }
    }
    var refusals: [(UpdateKey, ReasonCode)] {
        actions.compactMap { if case .refuse(let key, let reason, _) = $0 { (key, reason) } else { nil } }
    }
    var commits: [CommittedRound] { actions.compactMap { if case .committed(let round) = $0 { round } else { nil } } }
    var evaluations: [RoundNumber] { actions.compactMap { if case .evaluate(let round) = $0 { round } else { nil } } }
    var hasEnded: Bool { actions.contains { if case .ended = $0 { true } else { false } } }

    mutating func clear() { actions = [] }

    /// The journal as a restart reads it.
    var recovered: RecoveredJob {
        var job = RecoveredJob(job: machine.job, specification: machine.specification)
        for entry in journal { job.apply(entry) }
        return job
    }
}
