// SPDX-License-Identifier: Apache-2.0

import Randomness
import Selection

/// Who is asked in a round, and why.
extension JobMachine {
    /// The agents that a round's start names, before it only counts them.
    private static let namedAgents = 16

    /// The next cohort in order: those who still work on something, and others up to `count`; with the reason of each.
    func select(
        _ count: Int,
        beside carried: [AskedTask],
        in round: RoundNumber,
        _ seed: Seed
    ) -> (cohort: [AgentID], reasons: SelectionReasons) {
        let busy = Set(carried.map(\.key.agent))
        let idle = busy.isEmpty ? available : available.filter { !busy.contains($0) }
        let wanted = max(count - busy.count, 0)
        let policy = specification.clientSelection.policy
        if policy == .uniform, busy.isEmpty {
            // Without a candidate for each of what may be millions.
            let cohort = UniformSelection().select(wanted, of: idle.count, seed: seed).map { idle[$0] }
            return (cohort, SelectionReasons(wanted < idle.count ? .uniform : .everyone, count: cohort.count))
        }
        let candidates = idle.map { selection.candidate($0, sampleCount: sampleCounts[$0] ?? 0, in: round) }
        let choices = ClientSelection(policy).select(wanted, of: candidates, seed: seed)
        let chosen = choices.map { (idle[$0.position], SelectionReasons.Reason($0.reason, value: $0.value)) }
        let all = (chosen + busy.map { ($0, SelectionReasons.Reason(.carried)) }).sorted { $0.0 < $1.0 }
        return (all.map(\.0), SelectionReasons(all.map(\.1)))
    }

    /// The samples that an agent may say it has: what it claims decides who is chosen, within the job's bounds.
    func usableSampleCount(_ claimed: Double) -> Int {
        guard claimed >= 1, !claimed.isNaN else { return 0 }
        return Int(min(claimed, specification.admission.maximumWeight, 1e15))
    }

    /// Takes over what a shell measured of agents before the next round is chosen.
    public mutating func setMeasured(_ scores: [(agent: AgentID, loss: Double, uncertainty: Double?)]) {
        for score in scores { selection.measured(score.agent, loss: score.loss, uncertainty: score.uncertainty) }
    }

    /// Counts a cohort as chosen, once the journal has it.
    mutating func rememberSelection(of round: RoundMachine) {
        guard specification.clientSelection.remembers else { return }
        selection.selected(round.cohort, carried: Array(round.carried.values), in: round.number)
    }

    /// Keeps what the agents of a committed round reported.
    mutating func rememberReports(of round: RoundMachine) {
        // Fresh scores are newer than what came with updates.
        guard specification.clientSelection.remembers, specification.clientSelection.scores == .last else { return }
        for update in round.accepted { selection.counted(update) }
    }

    /// Puts a score that cannot be aside: the update counts, and its agent counts as least uncertain, so that
    /// nonsense wins nothing.
    func checkScore(of update: AcceptedUpdate, _ actions: inout [JobAction]) -> AcceptedUpdate {
        var update = update
        let agent = update.key.agent
        switch specification.clientSelection.policy {
        case .uniform, .weighted:
            update.uncertainty = nil
        case .powerOfChoice:
            update.uncertainty = nil
            guard !SelectionMemory.isLoss(update.loss) else { break }
            trouble(agent, "the loss \(update.loss) is no number of 0 or more; it counts as the lowest", &actions)
        case .uncertainty:
            guard let score = update.uncertainty, !(0...1).contains(score) else { break }
            update.uncertainty = 0
            trouble(agent, "the uncertainty \(score) is not between 0 and 1; it counts as 0", &actions)
        }
        return update
    }

    private func trouble(_ agent: AgentID, _ what: String, _ actions: inout [JobAction]) {
        let text = "\(agent) in round \(status.round.next): \(ReasonCode.invalidScore): \(what)"
        actions.append(.notify(JobEvent(kind: .agentTrouble, status: status, message: text)))
    }

    /// One line about a round that begins: how many are asked, and who why where the job says how to choose.
    func startText(of round: RoundMachine) -> String {
        let text = "round \(round.number): \(round.cohort.count) agents"
        guard specification.selection != nil, let reasons = round.reasons else { return text }
        guard round.cohort.count <= Self.namedAgents else {
            let counts = reasons.counts.map { "\($0.count) \($0.rule.rawValue)" }.joined(separator: ", ")
            return "\(text): \(counts)"
        }
        let names = round.cohort.indices.map { "\(round.cohort[$0]) (\(reasons[$0]))" }.joined(separator: ", ")
        return "\(text): \(names)"
    }
}
