// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// The splits of NIID-Bench (Li et al. 2022, section IV.A): federations of a few large silos.
extension DataSplit {
    /// The fewest samples of a client under ``balancedDirichlet(concentration:)``.
    static let balancedMinimum = 10
    /// How often shares are drawn before a split is given up.
    static let balancedAttempts = 1_000

    static func dealBalanced(
        _ labels: [Int32],
        to clientCount: Int,
        concentration: Double,
        seed: Seed
    ) throws -> [UInt32] {
        let shares = try balancedShares(labels, to: clientCount, concentration, seed: seed)
        return deal(labels, by: shares, to: clientCount, seed: seed)
    }

    static func dealLabels(_ labels: [Int32], to clientCount: Int, perClient: Int, seed: Seed) throws -> [UInt32] {
        let shares = try labelShares(labels, to: clientCount, perClient: perClient, seed: seed)
        var owners = deal(labels, by: shares, to: clientCount, seed: seed)
        fillEmptyClients(&owners, clientCount: clientCount)
        return owners
    }

    /// Deals each class's samples, shuffled, by the clients' shares of it. A class without shares is dealt evenly.
    static func deal(_ labels: [Int32], by shares: [Int32: [Double]], to clientCount: Int, seed: Seed) -> [UInt32] {
        let even = [Double](repeating: 1 / Double(clientCount), count: clientCount)
        var owners = [UInt32](repeating: 0, count: labels.count)
        for (label, samples) in samplesByLabel(labels) {
            var generator = SeededGenerator(seed: seed.deriving("split-class", UInt64(label)))
            deal(samples, order: generator.permutation(samples.count), by: shares[label] ?? even, into: &owners)
        }
        return owners
    }

    /// Each class's shares: Dirichlet's, without the clients that have an even share of all samples already, scaled to
    /// sum up to 1; drawn anew until every client has enough.
    ///
    /// - Throws: ``LearningError`` with code `impossibleSplit` where that does not come about.
    static func balancedShares(
        _ labels: [Int32],
        to clientCount: Int,
        _ concentration: Double,
        seed: Seed
    ) throws -> [Int32: [Double]] {
        let classes = samplesByLabel(labels).map { (label: $0.label, count: $0.samples.count) }
        let even = Double(labels.count) / Double(clientCount)
        for attempt in 0..<(even < Double(balancedMinimum) ? 0 : balancedAttempts) {
            var generator = SeededGenerator(seed: seed.deriving("split-balanced", UInt64(attempt)))
            var sizes = [Int](repeating: 0, count: clientCount)
            var shares: [Int32: [Double]] = [:]
            for (label, count) in classes {
                let drawn = generator.dirichlet(concentration: concentration, count: clientCount)
                let open = zip(drawn, sizes).map { Double($1) < even ? $0 : 0 }
                let sum = open.reduce(0, +)
                // Those who may still take have no share at all where the concentration is tiny.
                guard sum > 0 else { break }
                let scaled = open.map { $0 / sum }
                var start = 0
                for (client, end) in cuts(of: count, by: scaled).enumerated() {
                    sizes[client] += max(0, end - start)
                    start = max(start, end)
                }
                shares[label] = scaled
            }
            if shares.count == classes.count, sizes.allSatisfy({ $0 >= balancedMinimum }) { return shares }
        }
        throw LearningError(
            .impossibleSplit,
            "\(labels.count) samples could not be dealt to \(clientCount) clients with \(balancedMinimum) each by "
                + "\(DataSplit.balancedDirichlet(concentration: concentration)); use fewer clients or a larger number"
        )
    }

    /// Each class's shares: equal among the clients that have it.
    ///
    /// - Throws: ``LearningError`` with code `impossibleSplit` where there are fewer classes than a client is to have,
    ///   or fewer clients than classes.
    static func labelShares(
        _ labels: [Int32],
        to clientCount: Int,
        perClient: Int,
        seed: Seed
    ) throws -> [Int32: [Double]] {
        let classes = samplesByLabel(labels).map(\.label)
        guard (classes.count...).contains(clientCount), perClient <= classes.count else {
            throw LearningError(
                .impossibleSplit,
                "split=labels:\(perClient) deals \(classes.count) classes to at least as many clients, at most all to "
                    + "each; \(clientCount) clients cannot have them so"
            )
        }
        var generator = SeededGenerator(seed: seed.deriving("split-labels"))
        var holds = [[Bool]](repeating: [Bool](repeating: false, count: clientCount), count: classes.count)
        for client in 0..<clientCount {
            let own = client % classes.count
            let others = generator.permutation(classes.count).filter { $0 != own }.prefix(perClient - 1)
            for position in [own] + others { holds[position][client] = true }
        }
        return Dictionary(
            uniqueKeysWithValues: zip(classes, holds).map { label, holds in
                let share = 1 / Double(holds.count { $0 })
                return (label, holds.map { $0 ? share : 0 })
            }
        )
    }
}
