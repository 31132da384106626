// SPDX-License-Identifier: Apache-2.0

import Selection

/// What a job remembers of its agents to choose among them: who was chosen when, and what they reported.
///
/// The journal tells all of it: who was chosen counts from the round's start, what an agent reported from the commit of
/// the round in which its update counted. Whoever replays the same facts chooses the same agents.
public struct SelectionMemory: Sendable, Hashable {
    /// What is known of one agent.
    public struct Agent: Sendable, Hashable {
        /// The last round that asked it; 0 for none.
        public var lastSelected = RoundNumber.initial
        /// The rounds and attempts that asked it.
        public var timesSelected = 0
        /// The mean training loss that it reported last; negative infinity for one that cannot be.
        public var loss: Double?
        /// The uncertainty that it reported last, 0 to 1.
        public var uncertainty: Double?

        /// Knows nothing yet.
        public init() {}
    }

    /// The agents that were chosen or counted at least once.
    public private(set) var agents: [AgentID: Agent] = [:]

    /// Creates a memory of nothing.
    public init() {}

    /// Takes note of who was chosen for a round; not of those who work on since an earlier one.
    public mutating func selected(_ cohort: [AgentID], carried: [AskedTask], in round: RoundNumber) {
        let busy = Set(carried.map(\.key.agent))
        for agent in cohort where !busy.contains(agent) {
            agents[agent, default: Agent()].timesSelected += 1
            agents[agent]?.lastSelected = round
        }
    }

    /// Takes over what a journal tells of one agent.
    public mutating func set(_ agent: AgentID, to known: Agent) { agents[agent] = known }

    /// Takes note of what an agent reported with an update that counts in a committed round.
    public mutating func counted(_ update: AcceptedUpdate) {
        agents[update.key.agent, default: Agent()].loss = Self.isLoss(update.loss) ? update.loss : -.infinity
        if let uncertainty = update.uncertainty { agents[update.key.agent]?.uncertainty = uncertainty }
    }

    /// Takes note of what an agent's scores on the current model are.
    public mutating func measured(_ agent: AgentID, loss: Double, uncertainty: Double?) {
        agents[agent, default: Agent()].loss = Self.isLoss(loss) ? loss : -.infinity
        agents[agent]?.uncertainty = uncertainty.map { (0...1).contains($0) ? $0 : 0 }
    }

    /// What is known of an agent, for a round to be chosen.
    func candidate(_ agent: AgentID, sampleCount: Int, in round: RoundNumber) -> ClientCandidate {
        let known = agents[agent]
        return ClientCandidate(
            name: agent.name,
            sampleCount: sampleCount,
            lastLoss: known?.loss,
            uncertainty: known?.uncertainty,
            roundsSinceSelected: known.flatMap { agent in
                agent.timesSelected > 0 ? Int(round.value) - Int(agent.lastSelected.value) : nil
            },
            timesSelected: known?.timesSelected ?? 0
        )
    }

    /// Whether a number can be a mean loss.
    static func isLoss(_ value: Double) -> Bool { value >= 0 && value.isFinite }
}

extension SelectionMemory: Codable {
    /// Reads what ``encode(to:)`` wrote.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        for (name, known) in try container.decode([String: Agent].self) {
            guard let agent = AgentID(name) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(name)' names no agent")
            }
            agents[agent] = known
        }
    }

    /// Writes what is known by the agents' names.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Dictionary(uniqueKeysWithValues: agents.map { ($0.key.name, $0.value) }))
    }
}

extension SelectionMemory.Agent: Codable {
    private enum CodingKeys: String, CodingKey {
        case lastSelected = "last_selected"
        case timesSelected = "times_selected"
        case loss
        case uncertainty
    }

    /// Reads what ``encode(to:)`` wrote.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        lastSelected = RoundNumber(try container.decode(UInt32.self, forKey: .lastSelected))
        timesSelected = try container.decode(Int.self, forKey: .timesSelected)
        loss = try container.decodeIfPresent(UInt64.self, forKey: .loss).map { Double(bitPattern: $0) }
        uncertainty = try container.decodeIfPresent(UInt64.self, forKey: .uncertainty).map { Double(bitPattern: $0) }
    }

    /// Writes numbers as their bits: a loss may be infinite, which JSON does not know.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(lastSelected.value, forKey: .lastSelected)
        try container.encode(timesSelected, forKey: .timesSelected)
        try container.encodeIfPresent(loss?.bitPattern, forKey: .loss)
        try container.encodeIfPresent(uncertainty?.bitPattern, forKey: .uncertainty)
    }
}
