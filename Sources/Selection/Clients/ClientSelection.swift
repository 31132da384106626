// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Chooses the agents of a round: a policy over the candidates that a predicate on their labels lets through.
///
/// The same candidates in the same order, the same count and seed give the same choices, each with its reason.
/// `uniform` without a predicate draws what ``UniformSelection`` draws.
public struct ClientSelection: Sendable, Hashable {
    /// How agents are chosen.
    public var policy: ClientPolicy
    /// Who can be chosen; nil for everyone.
    public var predicate: LabelPredicate?

    /// Creates a selection.
    public init(_ policy: ClientPolicy = .uniform, where predicate: LabelPredicate? = nil) {
        self.policy = policy
        self.predicate = predicate
    }

    /// The positions of the candidates that can be chosen, ascending.
    public func eligible(_ candidates: [ClientCandidate]) -> [Int] {
        guard let predicate else { return Array(candidates.indices) }
        return candidates.indices.filter { predicate.matches(candidates[$0]) }
    }

    /// Chooses `count` of the candidates, all that can be chosen where there are not more.
    ///
    /// - Returns: the choices by ascending position, each candidate at most once.
    public func select(_ count: Int, of candidates: [ClientCandidate], seed: Seed) -> [ClientChoice] {
        let eligible = eligible(candidates)
        guard count > 0 else { return [] }
        guard count < eligible.count else { return eligible.map { ClientChoice(position: $0, reason: .everyone) } }
        let choices: [ClientChoice] =
            switch policy {
            case .uniform:
                UniformSelection().select(count, of: eligible.count, seed: seed).map {
                    ClientChoice(position: eligible[$0], reason: .uniform)
                }
            case .weighted:
                Self.weighted(count, of: candidates, among: eligible, seed: seed)
            case .powerOfChoice(let drawn):
                Self.powerOfChoice(count, drawn: drawn, of: candidates, among: eligible, seed: seed)
            case .uncertainty(let exploration, let cap, let size):
                Self.uncertainty(count, exploration, cap, size, of: candidates, among: eligible, seed: seed)
            }
        return choices.sorted { $0.position < $1.position }
    }

    /// Draws in proportion to the samples: the largest keys `log(r) / samples` for uniform r.
    ///
    /// Agents without samples come
    /// last, in random order.
    private static func weighted(
        _ count: Int,
        of candidates: [ClientCandidate],
        among eligible: [Int],
        seed: Seed
    ) -> [ClientChoice] {
        var generator = SeededGenerator(seed: seed.deriving("weighted"))
        let keyed = eligible.map { position in
            let weight = Double(max(candidates[position].sampleCount, 0))
            // -log(r) is exponentially distributed; one that waits a time of mean 1/weight comes early.
            return (position: position, weight: weight, wait: generator.exponential())
        }
        let order = keyed.sorted { left, right in
            guard left.weight > 0, right.weight > 0 else {
                return left.weight > 0 || right.weight > 0 ? left.weight > 0 : left.wait < right.wait
            }
            return left.wait / left.weight < right.wait / right.weight
        }
        return order.prefix(count).map { entry in
            entry.weight > 0
                ? ClientChoice(position: entry.position, reason: .weighted, value: entry.weight)
                : ClientChoice(position: entry.position, reason: .fill)
        }
    }

    /// Of `drawn` agents those of the highest loss.
    ///
    /// An unknown loss comes first: the agent was not heard of yet. A loss
    /// that is not a finite number comes last, so that reporting nonsense wins nothing.
    private static func powerOfChoice(
        _ count: Int,
        drawn: Int,
        of candidates: [ClientCandidate],
        among eligible: [Int],
        seed: Seed
    ) -> [ClientChoice] {
        let drawn = weighted(min(max(drawn, count), eligible.count), of: candidates, among: eligible, seed: seed)
        func rank(_ choice: ClientChoice) -> Double {
            guard let loss = candidates[choice.position].lastLoss else { return .infinity }
            return loss.isFinite ? loss : -.infinity
        }
        // The draw's order breaks ties: by position the same agents would win every time.
        let order = drawn.enumerated().sorted { left, right in
            let (first, second) = (rank(left.element), rank(right.element))
            return first != second ? first > second : left.offset < right.offset
        }
        return order.prefix(count).map { entry in
            let loss = candidates[entry.element.position].lastLoss
            return ClientChoice(
                position: entry.element.position,
                reason: loss == nil ? .unknownLoss : .highLoss,
                value: loss
            )
        }
    }
}
