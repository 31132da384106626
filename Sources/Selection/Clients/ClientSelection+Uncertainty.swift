// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness

extension ClientSelection {
    /// Fills the exploration floor uniformly, then takes the highest products of uncertainty and staleness among those
    /// who were not selected too often.
    ///
    ///     priority = (u - min(0, smallest u)) samples^size (1 + rounds since selected)
    ///
    /// With a size of 0 the samples' mean uncertainty counts, with 1 its sum.
    /// An agent that was never selected counts as one round staler than the stalest. An unknown uncertainty counts as
    /// the mean of the known ones, 1 where none is known, a value that is not finite as the smallest. Who was selected
    /// more than `cap max(1, mean)` times waits: also for exploration.
    static func uncertainty(
        _ count: Int,
        _ exploration: Double,
        _ cap: Double,
        _ size: Double,
        of candidates: [ClientCandidate],
        among eligible: [Int],
        seed: Seed
    ) -> [ClientChoice] {
        var generator = SeededGenerator(seed: seed.deriving("uncertainty"))
        let total = eligible.reduce(0.0) { $0 + Double(max(candidates[$1].timesSelected, 0)) }
        let limit = cap * max(total / Double(eligible.count), 1)
        var free = eligible.filter { Double(candidates[$0].timesSelected) <= limit }
        var waiting = eligible.filter { Double(candidates[$0].timesSelected) > limit }

        let explored = min(Int((exploration * Double(count)).rounded(.up)), count, free.count)
        var choices = generator.sample(explored, of: free.count).map {
            ClientChoice(position: free[$0], reason: .exploration)
        }
        let taken = Set(choices.map(\.position))
        free.removeAll { taken.contains($0) }

        // Ties fall in random order: by position the same agents would win every time.
        generator.shuffle(&free)
        let priority = priorities(candidates, eligible, size)
        let order = free.enumerated().sorted { left, right in
            let (first, second) = (priority(left.element), priority(right.element))
            return first != second ? first > second : left.offset < right.offset
        }
        choices += order.prefix(count - choices.count).map { entry in
            ClientChoice(position: entry.element, reason: .uncertain, value: priority(entry.element))
        }
        if choices.count < count {
            generator.shuffle(&waiting)
            choices += waiting.prefix(count - choices.count).map { ClientChoice(position: $0, reason: .fill) }
        }
        return choices
    }

    private static func priorities(
        _ candidates: [ClientCandidate],
        _ eligible: [Int],
        _ size: Double
    ) -> (Int) -> Double {
        let known = eligible.compactMap { candidates[$0].uncertainty }.filter(\.isFinite)
        let smallest = known.min() ?? 0
        // Divided before they are added: the sum of numbers near the largest possible must not overflow.
        let mean = known.isEmpty ? 1 : known.reduce(0) { $0 + $1 / Double(known.count) }
        let stalest = eligible.compactMap { candidates[$0].roundsSinceSelected }.max() ?? 0
        return { position in
            let candidate = candidates[position]
            let uncertainty = candidate.uncertainty.map { $0.isFinite ? $0 : smallest } ?? mean
            let rounds = candidate.roundsSinceSelected ?? (stalest < Int.max ? stalest + 1 : stalest)
            // The zeroth power is 1 also of no samples.
            let weight = Glibc.pow(Double(max(candidate.sampleCount, 0)), size)
            let product = (uncertainty - min(smallest, 0)) * weight * (1 + Double(max(rounds, 0)))
            // An infinite difference of no samples is no number.
            return product.isNaN ? 0 : min(product, .greatestFiniteMagnitude)
        }
    }
}
