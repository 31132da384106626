// SPDX-License-Identifier: Apache-2.0

/// How long the coordinator's work takes in virtual time.
public struct CoordinatorDurations: Sendable, Hashable {
    /// Writing a batch to the journal.
    public var record: Duration
    /// Opening a spool.
    public var openSpool: Duration
    /// Checking an update.
    public var check: Duration
    /// Providing a model.
    public var prepare: Duration
    /// Combining the updates of a round.
    public var fold: Duration
    /// Bringing a round to stable storage.
    public var synchronize: Duration

    /// Creates durations; the defaults are those of a small model on a solid-state disk.
    public init(
        record: Duration = .milliseconds(1),
        openSpool: Duration = .microseconds(100),
        check: Duration = .milliseconds(1),
        prepare: Duration = .milliseconds(5),
        fold: Duration = .milliseconds(5),
        synchronize: Duration = .milliseconds(10)
    ) {
        self.record = record
        self.openSpool = openSpool
        self.check = check
        self.prepare = prepare
        self.fold = fold
        self.synchronize = synchronize
    }
}

/// How an agent works in virtual time.
public struct AgentProfile: Sendable, Hashable {
    /// The line to the coordinator.
    public var link: LinkProfile
    /// The time that a training takes.
    public var training: Duration
    /// The time that an evaluation takes.
    public var evaluation: Duration
    /// When the agent's process begins.
    public var startsAfter: Duration
    /// The device's stream for adaptation jobs; nil for none.
    public var stream: StreamProfile?
    /// What the agent says of itself, for selection by predicate.
    public var labels: [String: String]
    /// The same in numbers; its samples are one of them.
    public var resources: [String: Double]

    /// Creates a profile.
    public init(
        link: LinkProfile = LinkProfile(),
        training: Duration = .seconds(1),
        evaluation: Duration = .milliseconds(100),
        startsAfter: Duration = .zero,
        stream: StreamProfile? = nil,
        labels: [String: String] = [:],
        resources: [String: Double] = [:]
    ) {
        self.link = link
        self.training = training
        self.evaluation = evaluation
        self.startsAfter = startsAfter
        self.stream = stream
        self.labels = labels
        self.resources = resources
    }
}
