// SPDX-License-Identifier: Apache-2.0

/// The bytes that travelled between the coordinator and one agent for a job, since the coordinator's start.
public struct AgentTraffic: Sendable, Hashable {
    /// The agent.
    public var agent: AgentID
    /// Bytes of updates that arrived, also of those that do not count.
    public var bytesUp: UInt64
    /// Bytes of models that were sent.
    public var bytesDown: UInt64

    /// Creates a count.
    public init(agent: AgentID, bytesUp: UInt64 = 0, bytesDown: UInt64 = 0) {
        self.agent = agent
        self.bytesUp = bytesUp
        self.bytesDown = bytesDown
    }
}
