// SPDX-License-Identifier: Apache-2.0

/// Says whom a round asks, when it is complete, and what happens when too few answer.
public struct RoundPolicy: Hashable, Sendable, Codable {
    /// What a round does when its deadline finds fewer updates than the quorum.
    public enum BelowQuorum: String, Hashable, Sendable, Codable, CaseIterable {
        /// Waits another deadline, up to ``RoundPolicy/maximumExtensions`` times, then abandons.
        case extend
        /// Goes on with what there is, if it is at least ``RoundPolicy/minimumUpdates``; else abandons.
        case accept
        /// Gives up what there is and selects a new cohort for the same round.
        case abandon
    }

    /// How rounds follow each other.
    public enum Mode: String, Hashable, Sendable, Codable, CaseIterable {
        /// A round's tasks start from the model of the round before; what comes after its end does not count.
        case synchronous
        /// FedBuff (Nguyen and others 2022): ``RoundPolicy/concurrency`` agents are at work at any time, and a round is
        /// over as soon as ``RoundPolicy/cohort`` updates came, whatever model they started from. The others work on
        /// and count in a later round. With a cohort of 1 this is FedAsync (Xie and others 2019).
        case buffered
        /// CO2 (Sun and others 2024): an agent whose update counts trains on at once, from the newest model, while its
        /// round is still under way; so each update is of one round's staleness, and nobody waits for a transfer.
        case overlapped
    }

    /// How rounds follow each other.
    public var mode: Mode
    /// Updates that a round wants; 0 asks every available agent. In buffered rounds the size of the buffer, 1 or more.
    public var cohort: Int
    /// The agents at work in buffered rounds; 0 for every available agent.
    public var concurrency: Int
    /// The rounds that may lie between the model that a buffered round's update started from and the one that it
    /// changes; work that is older is taken back.
    public var maximumStaleness: Int
    /// The extra share of agents asked beyond the cohort, 0 or more: 0.3 asks 13 for a cohort of 10. The first to
    /// arrive count.
    public var overSelection: Double
    /// The share of the cohort that makes a round valid at its deadline, above 0 up to 1.
    public var quorum: Double
    /// The fewest updates that are ever aggregated, 1 or more.
    public var minimumUpdates: Int
    /// The time that a round has, from the sending of its tasks.
    public var deadline: DurationText
    /// What happens below the quorum.
    public var belowQuorum: BelowQuorum
    /// How often a round's deadline is extended before the round is abandoned.
    public var maximumExtensions: Int
    /// How often in succession a round may be abandoned before the job fails.
    public var maximumAttempts: Int

    /// Creates a policy.
    public init(
        mode: Mode = .synchronous,
        cohort: Int = 0,
        concurrency: Int = 0,
        maximumStaleness: Int = 20,
        overSelection: Double = 0,
        quorum: Double = 0.5,
        minimumUpdates: Int = 1,
        deadline: DurationText = DurationText(.seconds(600)),
        belowQuorum: BelowQuorum = .extend,
        maximumExtensions: Int = 3,
        maximumAttempts: Int = 3
    ) {
        self.mode = mode
        self.cohort = cohort
        self.concurrency = concurrency
        self.maximumStaleness = maximumStaleness
        self.overSelection = overSelection
        self.quorum = quorum
        self.minimumUpdates = minimumUpdates
        self.deadline = deadline
        self.belowQuorum = belowQuorum
        self.maximumExtensions = maximumExtensions
        self.maximumAttempts = maximumAttempts
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case mode
        case cohort
        case concurrency
        case maximumStaleness = "maximum_staleness"
        case overSelection = "over_selection"
        case quorum
        case minimumUpdates = "minimum_updates"
        case deadline
        case belowQuorum = "below_quorum"
        case maximumExtensions = "maximum_extensions"
        case maximumAttempts = "maximum_attempts"
    }

    /// Reads the `round:` part of a job file.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: CodingKeys.allCases.map(\.rawValue))
        let standard = RoundPolicy()
        mode = try file.choice("mode", default: standard.mode)
        cohort = try file.value("cohort", default: standard.cohort)
        concurrency = try file.value("concurrency", default: standard.concurrency)
        maximumStaleness = try file.value("maximum_staleness", default: standard.maximumStaleness)
        overSelection = try file.value("over_selection", default: standard.overSelection)
        quorum = try file.value("quorum", default: standard.quorum)
        minimumUpdates = try file.value("minimum_updates", default: standard.minimumUpdates)
        deadline = try file.value("deadline", default: standard.deadline)
        belowQuorum = try file.choice("below_quorum", default: standard.belowQuorum)
        maximumExtensions = try file.value("maximum_extensions", default: standard.maximumExtensions)
        maximumAttempts = try file.value("maximum_attempts", default: standard.maximumAttempts)
        try file.check(
            cohort >= 0 && cohort <= Limits.connections,
            "cohort",
            "between 0 (everyone) and \(Limits.connections)"
        )
        try file.check(
            mode != .buffered || cohort >= 1,
            "cohort",
            "1 or more in buffered rounds: the updates that a round folds"
        )
        try file.check(
            concurrency == 0 || (mode == .buffered && concurrency >= cohort && concurrency <= Limits.connections),
            "concurrency",
            "0 (everyone), or in buffered rounds at least the cohort and at most \(Limits.connections)"
        )
        try file.check(
            maximumStaleness >= 0 && maximumStaleness <= 1 << 20,
            "maximum_staleness",
            "between 0 and 2^20"
        )
        try file.check(overSelection == 0 || mode != .buffered, "over_selection", "0 in buffered rounds")
        try file.check(overSelection >= 0 && overSelection <= 10, "over_selection", "between 0 and 10")
        try file.check(quorum > 0 && quorum <= 1, "quorum", "above 0 and at most 1")
        try file.check(
            minimumUpdates >= 1 && minimumUpdates <= Limits.connections,
            "minimum_updates",
            "between 1 and \(Limits.connections)"
        )
        try file.check(deadline.duration > .zero, "deadline", "longer than 0s")
        try file.check(maximumExtensions >= 0, "maximum_extensions", "0 or more")
        try file.check(
            maximumAttempts >= 1 && maximumAttempts <= 1 << 30,
            "maximum_attempts",
            "between 1 and 2^30"
        )
    }

    /// Whether work of one round may count in a later one.
    public var carriesWork: Bool { mode != .synchronous }

    /// The agents asked when `available` agents are there.
    public func selectionCount(available: Int) -> Int {
        if mode == .buffered { return concurrency > 0 ? min(available, concurrency) : available }
        guard cohort > 0 else { return available }
        return min(available, Int((Double(cohort) * (1 + overSelection)).rounded(.up)))
    }

    /// The updates that complete a round for which `selected` agents were asked.
    public func targetCount(selected: Int) -> Int {
        cohort > 0 ? min(cohort, selected) : selected
    }

    /// The updates that make a round valid at its deadline.
    public func quorumCount(selected: Int) -> Int {
        let share = Int((quorum * Double(targetCount(selected: selected))).rounded(.up))
        return max(share, minimumUpdates)
    }
}
