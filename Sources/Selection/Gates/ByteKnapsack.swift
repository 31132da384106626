// SPDX-License-Identifier: Apache-2.0

/// Chooses samples of the largest total score that fit a byte budget (the 0/1 knapsack), greedily.
///
/// It takes what fits in order of score per byte, then compares with the best single sample: the better of the two has
/// at least half of the best possible total. Samples of equal sizes are chosen best of all: the ones of highest score.
public struct ByteKnapsack: Sendable, Hashable {
    /// The bytes that may be sent.
    public let budget: Int
    /// The score that is worth nothing; scores of it or less are never chosen.
    ///
    /// A sample counts with what it has above.
    public let baseline: Double

    /// Creates a knapsack; a negative budget is one of 0.
    public init(budget: Int, baseline: Double = 0) {
        self.budget = max(budget, 0)
        self.baseline = baseline
    }

    /// The positions of the chosen samples, ascending.
    ///
    /// Samples with a score that is not finite or a negative size are never chosen; of equals the first is preferred.
    ///
    /// - Throws: ``SelectionError`` with code `shapeMismatch` for lists of different sizes.
    public func select(scores: [Double], bytes: [Int]) throws -> [Int] {
        guard scores.count == bytes.count else {
            throw SelectionError(.shapeMismatch, "there are \(scores.count) scores of \(bytes.count) samples")
        }
        let candidates = scores.indices.filter { index in
            let value = scores[index] - baseline
            return value.isFinite && value > 0 && bytes[index] >= 0 && bytes[index] <= budget
        }
        let density = candidates.map { (scores[$0] - baseline) / Double(bytes[$0]) }
        let order = candidates.indices.sorted { left, right in
            if density[left] != density[right] { return density[left] > density[right] }
            let (first, second) = (scores[candidates[left]], scores[candidates[right]])
            return first != second ? first > second : left < right
        }
        var chosen: [Int] = []
        var total = 0.0
        var room = budget
        for position in order where bytes[candidates[position]] <= room {
            let index = candidates[position]
            chosen.append(index)
            room -= bytes[index]
            total += scores[index] - baseline
        }
        var single: Int?
        for index in candidates where scores[index] > single.map({ scores[$0] }) ?? -.infinity { single = index }
        if let single, scores[single] - baseline > total { return [single] }
        return chosen.sorted()
    }
}
