// SPDX-License-Identifier: Apache-2.0

/// How often faults of each kind happen in a virtual world; nil for never.
///
/// Each is the mean time between two faults of a kind, in seconds of virtual time. The times between faults are random.
public struct FaultRates: Sendable, Hashable {
    /// A connection breaks; every third time without either end hearing of it.
    public var disconnect: Double?
    /// Nothing gets through on one line in one direction for a while.
    public var clog: Double?
    /// About half of the lines are cut at once, in one direction or both.
    public var partition: Double?
    /// The coordinator's process is killed, and started again a while later.
    public var coordinatorKill: Double?
    /// The coordinator's machine loses power: what was not synced is lost in part.
    public var powerLoss: Double?
    /// An agent's process is killed, and started again a while later.
    public var agentKill: Double?
    /// An agent comes back without its disk.
    public var agentWipe: Double?
    /// The coordinator's disk has no space for a while.
    public var fullDisk: Double?
    /// The mean length of a clog, a partition, a full disk, and of the time that a process is away, in seconds.
    public var outageSeconds: Double

    /// Creates rates; without arguments nothing ever happens.
    public init(
        disconnect: Double? = nil,
        clog: Double? = nil,
        partition: Double? = nil,
        coordinatorKill: Double? = nil,
        powerLoss: Double? = nil,
        agentKill: Double? = nil,
        agentWipe: Double? = nil,
        fullDisk: Double? = nil,
        outageSeconds: Double = 5
    ) {
        precondition(outageSeconds > 0, "an outage takes some time")
        self.disconnect = disconnect
        self.clog = clog
        self.partition = partition
        self.coordinatorKill = coordinatorKill
        self.powerLoss = powerLoss
        self.agentKill = agentKill
        self.agentWipe = agentWipe
        self.fullDisk = fullDisk
        self.outageSeconds = outageSeconds
    }
}
