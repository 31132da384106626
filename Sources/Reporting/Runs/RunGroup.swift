// SPDX-License-Identifier: Apache-2.0

/// Runs that differ in their seed alone.
public struct RunGroup: Sendable, Hashable {
    /// Its name in tables and legends.
    public var name: String
    /// The runs.
    public var runs: [RunRecord]

    /// Creates a group.
    public init(name: String, runs: [RunRecord]) {
        self.name = name
        self.runs = runs
    }

    /// A figure over the runs that finished; nil where any of those lacks it, or none finished.
    public func summary(_ figure: (RunRecord) -> Double?) -> SeedSummary? {
        let finished = runs.filter(\.isFinished)
        let values = finished.compactMap(figure)
        guard values.count == finished.count else { return nil }
        return SeedSummary(values)
    }
}
