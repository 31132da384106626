// SPDX-License-Identifier: Apache-2.0

public import Adaptation
public import Learning
public import Ledger

/// What an agent has of its own for adaptation jobs.
public struct StreamSite: Sendable {
    /// The stream.
    public var stream: any SampleStream
    /// Labelled clean samples of the device's own, which never leave it.
    public var heldOut: SampleTable
    /// What may leave; nil for nothing.
    public var policy: SitePolicy?
    /// The state folder: audit log, samples that wait, what is in force.
    public var state: StateFolder
    /// The samples a second; nil for as fast as they come.
    public var samplesPerSecond: Double?

    /// Creates a description.
    public init(
        stream: any SampleStream,
        heldOut: SampleTable,
        policy: SitePolicy?,
        state: StateFolder,
        samplesPerSecond: Double? = nil
    ) {
        self.stream = stream
        self.heldOut = heldOut
        self.policy = policy
        self.state = state
        self.samplesPerSecond = samplesPerSecond
    }
}
