// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// How samples are dealt to clients.
public enum DataSplit: Hashable, Sendable {
    /// Uniformly at random; clients' sizes differ by at most one.
    case iid
    /// For each class, shares drawn from a Dirichlet distribution with this concentration (Hsu, Qi and Brown 2019): the
    /// smaller, the more lopsided.
    case dirichlet(concentration: Double)
    /// As ``dirichlet(concentration:)``, but a client that already has its even share of all samples gets none of the
    /// classes that follow, and all is drawn again until everyone has at least 10 (NIID-Bench, Li et al. 2022,
    /// section IV.A): clients differ in their classes more than in their sizes.
    case balancedDirichlet(concentration: Double)
    /// Each client has this many classes, client `i` the `i`-th class and others at random; those who have a class
    /// share its samples evenly (NIID-Bench, `#C = k`).
    case labels(perClient: Int)
    /// Samples sorted by label and cut into shards of equal size, this many for each client (McMahan et al. 2017).
    case shards(perClient: Int)
    /// This share of the samples uniformly at random, the rest sorted by label and cut into one run for each client
    /// (the "gamma similarity" of ByzFL): 1 is ``iid``, 0 gives each client a few neighbouring classes.
    case similarity(share: Double)
    /// As ``iid``, but each of the last so many classes lives on one client: class `i` of them on client `i`, and again
    /// from the first where there are more classes than clients.
    case rare(classes: Int)
    /// By the source's own client column.
    case natural
}

extension DataSplit: CustomStringConvertible {
    /// The split as data specifications write it: `iid`, `dirichlet:0.5`, `labels:2`, `natural`.
    public var description: String {
        switch self {
        case .iid: "iid"
        case .dirichlet(let concentration): "dirichlet:\(concentration)"
        case .balancedDirichlet(let concentration): "balanced-dirichlet:\(concentration)"
        case .labels(let count): "labels:\(count)"
        case .shards(let count): "shards:\(count)"
        case .similarity(let share): "similarity:\(share)"
        case .rare(let count): "rare:\(count)"
        case .natural: "natural"
        }
    }

    /// Reads a split from its description.
    ///
    /// - Throws: ``LearningError`` with code `invalidSpecification`.
    public init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil) {
        case ("iid", nil): self = .iid
        case ("natural", nil): self = .natural
        case ("dirichlet", let text?):
            self = .dirichlet(concentration: try Self.concentration(text, of: "dirichlet"))
        case ("balanced-dirichlet", let text?):
            self = .balancedDirichlet(concentration: try Self.concentration(text, of: "balanced-dirichlet"))
        case ("labels", let text?):
            self = .labels(perClient: try Self.number(text, of: "labels", "classes a client"))
        case ("shards", let text?):
            self = .shards(perClient: try Self.number(text, of: "shards", "shards a client"))
        case ("rare", let text?):
            self = .rare(classes: try Self.number(text, of: "rare", "classes that live on one client each"))
        case ("similarity", let text?):
            guard let value = Double(text), value >= 0, value <= 1 else {
                throw LearningError(.invalidSpecification, "split=similarity:\(text) needs a share from 0 to 1")
            }
            self = .similarity(share: value)
        default:
            throw LearningError(
                .invalidSpecification,
                "split=\(text) is not known; known: iid, dirichlet:ALPHA, balanced-dirichlet:ALPHA, labels:COUNT, "
                    + "shards:COUNT, similarity:SHARE, rare:COUNT, natural"
            )
        }
    }

    private static func number(_ text: String, of split: String, _ what: String) throws -> Int {
        guard let value = Int(text), value >= 1, value <= 1 << 20 else {
            throw LearningError(.invalidSpecification, "split=\(split):\(text) needs a whole number of \(what)")
        }
        return value
    }

    private static func concentration(_ text: String, of split: String) throws -> Double {
        guard let value = Double(text), value >= 1e-3, value <= 1e6 else {
            throw LearningError(.invalidSpecification, "split=\(split):\(text) needs a number from 0.001 to 1000000")
        }
        return value
    }
}

extension DataSplit {
    /// Deals samples to clients; a pure function of its arguments.
    ///
    /// No client is left empty: under ``dirichlet(concentration:)`` an empty client takes one sample from the client
    /// that has the most at that moment (the lowest numbered of equals), in the order of the clients' numbers.
    ///
    /// - Parameters:
    ///   - labels: one for each sample, 0 or more.
    ///   - clientCount: at least 1. Under ``natural``, natural client `c` goes to client `c % clientCount`.
    ///   - naturalClients: the source's client column, which ``natural`` needs.
    /// - Throws: ``LearningError`` with code `impossibleSplit` where there are too few samples or natural clients.
    public func partition(
        labels: [Int32],
        clientCount: Int,
        seed: Seed,
        naturalClients: [Int32]? = nil
    ) throws -> Partition {
        precondition(clientCount >= 1, "a split needs at least one client")
        precondition(labels.count <= Int(UInt32.max), "a split deals at most 2^32 - 1 samples")
        guard clientCount <= labels.count else {
            throw LearningError(
                .impossibleSplit,
                "\(labels.count) samples cannot be dealt to \(clientCount) clients; use fewer clients"
            )
        }
        let owners: [UInt32]
        switch self {
        case .iid:
            owners = Self.dealEvenly(labels.count, to: clientCount, seed: seed)
        case .dirichlet(let concentration):
            owners = Self.dealByDirichlet(labels, to: clientCount, concentration: concentration, seed: seed)
        case .balancedDirichlet(let concentration):
            owners = try Self.dealBalanced(labels, to: clientCount, concentration: concentration, seed: seed)
        case .labels(let perClient):
            owners = try Self.dealLabels(labels, to: clientCount, perClient: perClient, seed: seed)
        case .shards(let perClient):
            owners = try Self.dealShards(labels, to: clientCount, perClient: perClient, seed: seed)
        case .similarity(let share):
            owners = Self.dealBySimilarity(labels, to: clientCount, share: share, seed: seed)
        case .rare(let count):
            owners = Self.dealRare(labels, to: clientCount, count: count, seed: seed)
        case .natural:
            owners = try Self.dealNaturally(naturalClients, to: clientCount)
        }
        return Partition(owners: owners, clientCount: clientCount)
    }

    private static func dealEvenly(_ count: Int, to clientCount: Int, seed: Seed) -> [UInt32] {
        var generator = SeededGenerator(seed: seed.deriving("split-iid"))
        var owners = [UInt32](repeating: 0, count: count)
        for (position, sample) in generator.permutation(count).enumerated() {
            owners[sample] = UInt32(truncatingIfNeeded: position * clientCount / count)
        }
        return owners
    }

    private static func dealRare(_ labels: [Int32], to clientCount: Int, count: Int, seed: Seed) -> [UInt32] {
        let first = (labels.max() ?? 0) + 1 - Int32(clamping: count)
        var owners = dealEvenly(labels.count, to: clientCount, seed: seed)
        for (sample, label) in labels.enumerated() where label >= max(first, 0) {
            owners[sample] = UInt32(Int(label - max(first, 0)) % clientCount)
        }
        fillEmptyClients(&owners, clientCount: clientCount)
        return owners
    }

    private static func dealBySimilarity(
        _ labels: [Int32],
        to clientCount: Int,
        share: Double,
        seed: Seed
    ) -> [UInt32] {
        var generator = SeededGenerator(seed: seed.deriving("split-similarity"))
        let order = generator.permutation(labels.count)
        let common = Int((share * Double(labels.count)).rounded())
        var owners = [UInt32](repeating: 0, count: labels.count)
        func deal(_ samples: some Collection<Int>) {
            for (position, sample) in samples.enumerated() {
                owners[sample] = UInt32(truncatingIfNeeded: position * clientCount / samples.count)
            }
        }
        deal(order[..<common])
        deal(order[common...].sorted { (labels[$0], $0) < (labels[$1], $1) })
        fillEmptyClients(&owners, clientCount: clientCount)
        return owners
    }

    private static func dealShards(
        _ labels: [Int32],
        to clientCount: Int,
        perClient: Int,
        seed: Seed
    ) throws -> [UInt32] {
        let shardCount = clientCount * perClient
        guard shardCount <= labels.count else {
            throw LearningError(
                .impossibleSplit,
                "\(labels.count) samples cannot be cut into \(shardCount) shards; use fewer clients or shards a client"
            )
        }
        var generator = SeededGenerator(seed: seed.deriving("split-shards"))
        let order = generator.permutation(shardCount)
        let sorted = (0..<labels.count).sorted { (labels[$0], $0) < (labels[$1], $1) }
        var owners = [UInt32](repeating: 0, count: labels.count)
        for (position, sample) in sorted.enumerated() {
            owners[sample] = UInt32(truncatingIfNeeded: order[position * shardCount / labels.count] / perClient)
        }
        return owners
    }

    private static func dealNaturally(_ natural: [Int32]?, to clientCount: Int) throws -> [UInt32] {
        guard let natural else {
            throw LearningError(
                .impossibleSplit,
                "split=natural needs a client column: name it (client=COLUMN) or give a folder of files"
            )
        }
        let distinct = Set(natural).count
        guard clientCount <= distinct else {
            throw LearningError(
                .impossibleSplit,
                "the source has \(distinct) natural clients, fewer than \(clientCount) parts"
            )
        }
        return natural.map { UInt32(Int($0) % clientCount) }
    }
}
