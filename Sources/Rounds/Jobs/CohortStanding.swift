// SPDX-License-Identifier: Apache-2.0

/// Where each agent of a cohort stands.
///
/// A table by position: who walks through a cohort of thousands in its order, as most do, looks no name up.
struct CohortStanding {
    /// The agents, in ascending order.
    let agents: [AgentID]
    private var values: [RoundMachine.Standing]

    /// Everyone was asked and has not answered.
    init(pending agents: [AgentID]) {
        self.agents = agents
        values = Array(repeating: .pending, count: agents.count)
    }

    /// Where an agent stands; nil for one that is not of the cohort.
    subscript(agent: AgentID) -> RoundMachine.Standing? {
        position(of: agent).map { values[$0] }
    }

    /// Where the agent at a position stands.
    subscript(position: Int) -> RoundMachine.Standing {
        get { values[position] }
        set { values[position] = newValue }
    }

    /// The position of an agent, looked for where it is expected first; nil for one that is not of the cohort.
    func position(of agent: AgentID, near expected: Int = 0) -> Int? {
        if expected < agents.count, agents[expected] == agent { return expected }
        var low = 0
        var high = agents.count
        while low < high {
            let middle = (low + high) / 2
            if agents[middle] < agent { low = middle + 1 } else { high = middle }
        }
        return low < agents.count && agents[low] == agent ? low : nil
    }

    /// Whether anyone stands so.
    func contains(_ standing: RoundMachine.Standing) -> Bool {
        values.contains(standing)
    }
}
