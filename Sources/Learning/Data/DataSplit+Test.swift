// SPDX-License-Identifier: Apache-2.0

public import Randomness

extension DataSplit {
    /// Deals test samples as ``partition(labels:clientCount:seed:naturalClients:)`` deals the training samples, so that
    /// a client is tested on the classes that it trains on; a pure function of its arguments.
    ///
    /// Under ``dirichlet(concentration:)`` and ``balancedDirichlet(concentration:)`` a class has the same shares as in
    /// training, under ``labels(perClient:)`` the same clients, under ``shards(perClient:)`` the same shards of the
    /// sorted samples. A client may be left without a test sample. Where there are more clients than
    /// samples, or no natural clients are known, client `k` takes every sample whose position `i` has
    /// `i % clientCount == k`.
    ///
    /// - Parameters:
    ///   - labels: of the test samples.
    ///   - trainLabels: of the training samples.
    ///   - clientCount: at least 1.
    ///   - seed: that of the training samples' split.
    ///   - naturalClients: the test samples' client column.
    public func testPartition(
        labels: [Int32],
        trainLabels: [Int32],
        clientCount: Int,
        seed: Seed,
        naturalClients: [Int32]? = nil
    ) throws -> Partition {
        let isNatural = self == .natural
        guard clientCount <= labels.count, !isNatural || naturalClients != nil else {
            let owners = labels.indices.map { UInt32($0 % clientCount) }
            return Partition(owners: owners, clientCount: clientCount)
        }
        switch self {
        case .dirichlet(let concentration):
            var counts: [Int32: Int] = [:]
            for label in trainLabels { counts[label, default: 0] += 1 }
            let owners = Self.dealTestByDirichlet(labels, counts, to: clientCount, concentration, seed)
            return Partition(owners: owners, clientCount: clientCount)
        case .natural:
            let owners = (naturalClients ?? []).map { UInt32(Int($0) % clientCount) }
            return Partition(owners: owners, clientCount: clientCount)
        case .balancedDirichlet(let concentration):
            let shares = try Self.balancedShares(trainLabels, to: clientCount, concentration, seed: seed)
            let owners = Self.deal(labels, by: shares, to: clientCount, seed: seed.deriving("test"))
            return Partition(owners: owners, clientCount: clientCount)
        case .labels(let perClient):
            let shares = try Self.labelShares(trainLabels, to: clientCount, perClient: perClient, seed: seed)
            let owners = Self.deal(labels, by: shares, to: clientCount, seed: seed.deriving("test"))
            return Partition(owners: owners, clientCount: clientCount)
        case .shards(let perClient) where clientCount * perClient > labels.count:
            let owners = labels.indices.map { UInt32($0 % clientCount) }
            return Partition(owners: owners, clientCount: clientCount)
        case .iid, .shards, .similarity, .rare:
            return try partition(labels: labels, clientCount: clientCount, seed: seed)
        }
    }

    private static func dealTestByDirichlet(
        _ labels: [Int32],
        _ trainCounts: [Int32: Int],
        to clientCount: Int,
        _ concentration: Double,
        _ seed: Seed
    ) -> [UInt32] {
        var owners = [UInt32](repeating: 0, count: labels.count)
        for (label, samples) in samplesByLabel(labels) {
            let train = seed.deriving("split-dirichlet", UInt64(label))
            let shares = dirichletShares(
                sampleCount: trainCounts[label] ?? 0,
                to: clientCount,
                concentration: concentration,
                seed: train
            ).shares
            var generator = SeededGenerator(seed: train.deriving("test"))
            let order = generator.permutation(samples.count)
            deal(samples, order: order, by: shares, into: &owners)
        }
        return owners
    }
}
