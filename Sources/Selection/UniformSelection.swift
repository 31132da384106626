// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Chooses a cohort uniformly at random among the available agents, without replacement.
public struct UniformSelection: Sendable {
    /// Creates the selection.
    public init() {}

    /// The positions of the chosen among `available` agents in their order, ascending.
    ///
    /// - Parameters:
    ///   - count: how many are chosen; all of them when there are not more.
    ///   - available: how many there are.
    ///   - seed: names the draw; the same seed chooses the same positions.
    public func select(_ count: Int, of available: Int, seed: Seed) -> [Int] {
        guard count < available else { return Array(0..<available) }
        var generator = SeededGenerator(seed: seed)
        return generator.sample(count, of: available)
    }
}
