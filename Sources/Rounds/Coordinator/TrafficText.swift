// SPDX-License-Identifier: Apache-2.0

/// What a job's transport cost, in one line for the log.
enum TrafficText {
    /// The most agents that are named one by one.
    private static let namedAgents = 16

    static func summary(of status: JobStatus, _ traffic: [AgentTraffic]) -> String {
        var text =
            "\(status.job) is over (\(status.phase)): \(status.round) of \(status.totalRounds) rounds, "
            + "\(status.acceptedUpdates) updates; bytes up \(status.bytesUp), down \(status.bytesDown)"
        let kinds = status.bytesUpByKind.named.sorted { $0.key < $1.key }
        if !kinds.isEmpty { text += "; up by kind: " + kinds.map { "\($0) \($1)" }.joined(separator: ", ") }
        guard !traffic.isEmpty else { return text }
        if traffic.count <= namedAgents {
            let parts = traffic.map { "\($0.agent) \($0.bytesUp)/\($0.bytesDown)" }
            return text + "; per agent up/down: " + parts.joined(separator: ", ")
        }
        func range(_ bytes: (AgentTraffic) -> UInt64) -> String {
            let sorted = traffic.map(bytes).sorted()
            return "\(sorted[0]) to \(sorted[sorted.count - 1]), median \(sorted[sorted.count / 2])"
        }
        return text + "; \(traffic.count) agents: up \(range(\.bytesUp)); down \(range(\.bytesDown))"
    }
}
