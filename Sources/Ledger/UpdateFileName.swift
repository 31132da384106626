// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The name of an update's file: `job-1.round-000012.attempt-1.site-a.update`.
enum UpdateFileName {
    private static let suffix = ".update"

    static func name(_ key: UpdateKey) -> String {
        let digits = String(key.round.value)
        let round = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        return "\(key.job).round-\(round).attempt-\(key.attempt).\(key.agent)\(suffix)"
    }

    /// The key that has this name; nil for any other name.
    static func key(_ name: String) -> UpdateKey? {
        guard name.hasSuffix(suffix) else { return nil }
        let parts = name.dropLast(suffix.count).split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let job = JobID(parsing: String(parts[0])), parts[1].hasPrefix("round-"),
            let round = UInt32(parts[1].dropFirst(6)), parts[2].hasPrefix("attempt-"),
            let attempt = UInt32(parts[2].dropFirst(8)), let agent = AgentID(String(parts[3]))
        else { return nil }
        let key = UpdateKey(job: job, round: RoundNumber(round), attempt: attempt, agent: agent)
        return Self.name(key) == name ? key : nil
    }
}
