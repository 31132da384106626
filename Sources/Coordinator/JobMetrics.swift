// SPDX-License-Identifier: Apache-2.0

import Metrics
import Rounds

/// Counts what jobs do and move, for whatever system of metrics the process has.
///
/// | counter | dimensions |
/// |---|---|
/// | `tributary_rounds_total` | job |
/// | `tributary_updates_total` | job, verdict: accepted or refused |
/// | `tributary_update_bytes_total` | job, kind of tensor: bytes of accepted updates |
/// | `tributary_bytes_total` | job, agent, direction: up (arrived) or down (sent) |
struct JobMetrics {
    private var counted: [String: UInt64] = [:]

    /// Brings the counters of a job up to date.
    mutating func update(_ status: JobStatus, _ traffic: [AgentTraffic]) {
        let job = ("job", "\(status.job)")
        raise("tributary_rounds_total", [job], to: UInt64(status.round.value))
        raise("tributary_updates_total", [job, ("verdict", "accepted")], to: status.acceptedUpdates)
        raise("tributary_updates_total", [job, ("verdict", "refused")], to: status.refusedUpdates)
        for (kind, bytes) in status.bytesUpByKind.named {
            raise("tributary_update_bytes_total", [job, ("kind", kind)], to: bytes)
        }
        for agent in traffic {
            let dimensions = [job, ("agent", agent.agent.name)]
            raise("tributary_bytes_total", dimensions + [("direction", "up")], to: agent.bytesUp)
            raise("tributary_bytes_total", dimensions + [("direction", "down")], to: agent.bytesDown)
        }
    }

    private mutating func raise(_ label: String, _ dimensions: [(String, String)], to total: UInt64) {
        let key = label + dimensions.map { "|\($0.0)=\($0.1)" }.joined()
        let before = counted[key] ?? 0
        // Abandoned rounds take accepted updates back; a counter stays then.
        guard total > before else { return }
        counted[key] = total
        Counter(label: label, dimensions: dimensions).increment(by: Int64(clamping: total - before))
    }
}
