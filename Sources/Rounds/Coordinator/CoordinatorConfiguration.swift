// SPDX-License-Identifier: Apache-2.0

/// The few knobs of a coordinator that are not a job's.
public struct CoordinatorConfiguration: Sendable, Hashable {
    /// An agent that has nothing to say sends a heartbeat after this long. Shorter finds dead agents sooner and costs
    /// traffic.
    public var heartbeat: Duration
    /// A connection on which nothing was heard for this long is dead. At least twice the heartbeat.
    public var silenceLimit: Duration
    /// A lost agent comes back after a random time between these two. Wider spreads the load after a restart.
    public var reconnectEarliest: Duration
    /// See ``reconnectEarliest``.
    public var reconnectLatest: Duration
    /// An agent of a round that was lost and is not back after this long has failed in that round.
    public var agentGrace: Duration
    /// The time that a new connection has to say hello.
    public var helloLimit: Duration
    /// The most updates that are received at the same time; others wait their turn.
    public var concurrentUploads: Int
    /// The most data in a chunk, in bytes.
    public var chunkBytes: Int

    /// Creates a configuration; the defaults suit a coordinator on a reliable network.
    public init(
        heartbeat: Duration = .seconds(20),
        silenceLimit: Duration = .seconds(60),
        reconnectEarliest: Duration = .milliseconds(50),
        reconnectLatest: Duration = .seconds(2),
        agentGrace: Duration = .seconds(30),
        helloLimit: Duration = .seconds(10),
        concurrentUploads: Int = 64,
        chunkBytes: Int = 512 << 10
    ) {
        precondition(silenceLimit >= heartbeat * 2, "a silence limit below two heartbeats drops living agents")
        precondition(reconnectEarliest <= reconnectLatest, "the reconnect window ends before it begins")
        precondition(chunkBytes > 0 && chunkBytes <= Limits.chunkBytes, "chunks have 1 to Limits.chunkBytes bytes")
        precondition(concurrentUploads > 0, "a coordinator that receives no update cannot work")
        self.heartbeat = heartbeat
        self.silenceLimit = silenceLimit
        self.reconnectEarliest = reconnectEarliest
        self.reconnectLatest = reconnectLatest
        self.agentGrace = agentGrace
        self.helloLimit = helloLimit
        self.concurrentUploads = concurrentUploads
        self.chunkBytes = chunkBytes
    }
}
