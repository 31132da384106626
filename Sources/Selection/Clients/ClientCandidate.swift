// SPDX-License-Identifier: Apache-2.0

/// What the coordinator knows of an agent that could be asked in a round.
public struct ClientCandidate: Sendable, Hashable {
    /// The agent's name.
    public var name: String
    /// What the agent says of itself: `region` is `eu`, `ram` is `8`.
    public var labels: [String: String]
    /// What the coordinator knows in numbers; a number hides a label of the same name.
    public var numbers: [String: Double]
    /// The samples that it trains on.
    public var sampleCount: Int
    /// Its loss when it last trained or evaluated; nil where unknown.
    public var lastLoss: Double?
    /// Its mean uncertainty score; nil where unknown.
    public var uncertainty: Double?
    /// The rounds since it was last selected, 1 for the round before; nil for never.
    public var roundsSinceSelected: Int?
    /// How often it was selected in this job.
    public var timesSelected: Int

    /// Creates a candidate.
    public init(
        name: String,
        labels: [String: String] = [:],
        numbers: [String: Double] = [:],
        sampleCount: Int = 0,
        lastLoss: Double? = nil,
        uncertainty: Double? = nil,
        roundsSinceSelected: Int? = nil,
        timesSelected: Int = 0
    ) {
        self.name = name
        self.labels = labels
        self.numbers = numbers
        self.sampleCount = sampleCount
        self.lastLoss = lastLoss
        self.uncertainty = uncertainty
        self.roundsSinceSelected = roundsSinceSelected
        self.timesSelected = timesSelected
    }
}
