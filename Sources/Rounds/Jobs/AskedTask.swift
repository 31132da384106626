// SPDX-License-Identifier: Apache-2.0

/// What an agent was asked for in an earlier round and still works on.
public struct AskedTask: Sendable, Hashable {
    /// Names the update that it will offer.
    public var key: UpdateKey
    /// The round that made the model from which it started.
    public var base: RoundNumber

    /// Creates a description.
    public init(key: UpdateKey, base: RoundNumber) {
        self.key = key
        self.base = base
    }
}

extension RecoveredJob.OpenRound {
    /// The key of the update that an agent of the cohort was asked for.
    public func key(of agent: AgentID, _ job: JobID) -> UpdateKey {
        carried.first { $0.key.agent == agent }?.key
            ?? UpdateKey(job: job, round: round, attempt: attempt, agent: agent)
    }

    /// What agents were asked for and have not answered, in the agents' order.
    public func unanswered(_ job: JobID) -> [AskedTask] {
        let answered = Set(accepted.map(\.key.agent)).union(refused.keys)
        let earlier = Dictionary(uniqueKeysWithValues: carried.map { ($0.key.agent, $0) })
        return cohort.filter { !answered.contains($0) }.sorted().map { agent in
            let key = UpdateKey(job: job, round: round, attempt: attempt, agent: agent)
            return earlier[agent] ?? AskedTask(key: key, base: RoundNumber(round.value - 1))
        }
    }
}
