// SPDX-License-Identifier: Apache-2.0

/// Sums up an agent's scores in three numbers, for the coordinator's choice of clients.
public struct ScoreTally: Sendable, Hashable, Codable {
    /// The number of finite scores.
    public private(set) var count: Int
    /// Their sum.
    public private(set) var sum: Double
    /// The number of scores that were not finite and count nowhere else.
    public private(set) var refusedCount: Int

    /// Creates an empty tally.
    public init() {
        count = 0
        sum = 0
        refusedCount = 0
    }

    /// Takes in a score; one that is not finite is only counted.
    public mutating func add(_ score: Double) {
        guard score.isFinite, (sum + score).isFinite else {
            refusedCount += 1
            return
        }
        count += 1
        sum += score
    }

    /// The mean score; nil where there is none.
    public var mean: Double? { count > 0 ? sum / Double(count) : nil }
}
