// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Why an agent stopped, as JSON: `{"stopped": "refused", "reason": "nameTaken", "message": "..."}`.
struct AgentStopRecord: Encodable {
    /// `asked`, `unreachable` or `refused`.
    let stopped: String
    /// The stable reason of a refusal; left out otherwise.
    let reason: String?
    /// One line for a person; left out where the agent was asked to stop.
    let message: String?

    init(_ stop: AgentStop) {
        switch stop {
        case .asked: (stopped, reason, message) = ("asked", nil, nil)
        case .unreachable(let why): (stopped, reason, message) = ("unreachable", nil, why)
        case .refused(let code, let why): (stopped, reason, message) = ("refused", "\(code)", why)
        }
    }
}
