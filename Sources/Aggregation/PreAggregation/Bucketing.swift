// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Averages random groups of `size` updates (Karimireddy and others 2022); the last group may be smaller.
public struct Bucketing: PreAggregator {
    /// `bucketing`.
    public var name: String { "bucketing" }
    /// The groups do not depend on the updates.
    public var needsGram: Bool { false }
    /// Made vectors are means.
    public var averages: Bool { true }
    /// The updates in a group: s, at least 1.
    public let size: Int
    /// Names the random order; take another one each round.
    public let seed: Seed

    /// Creates the pre-aggregator.
    public init(size: Int, seed: Seed) {
        self.size = size
        self.seed = seed
    }

    /// The means of consecutive groups of a random order.
    public func mixing(count: Int, gram: GramMatrix?) throws -> Mixing {
        try FaultTolerance.require(size >= 1, rule: name, "a bucket holds at least one update, not s = \(size)")
        var generator = SeededGenerator(seed: seed.deriving("bucketing"))
        let order = generator.permutation(count)
        let groups = stride(from: 0, to: count, by: size).map { Array(order[$0..<min($0 + size, count)]) }
        return Mixing(groups: groups, columnCount: count)
    }
}
