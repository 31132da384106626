// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning

@Suite struct DataSplitTests {
    private func labels(_ count: Int, classes: Int, seed: UInt64) -> [Int32] {
        var generator = SeededGenerator(seed: Seed(seed))
        return (0..<count).map { _ in Int32(generator.below(classes)) }
    }

    private static let splits: [DataSplit] = [
        .iid, .dirichlet(concentration: 0.1), .dirichlet(concentration: 0.5), .dirichlet(concentration: 100),
        .shards(perClient: 2), .rare(classes: 2), .natural,
    ]

    @Test(arguments: splits) func everySampleBelongsToExactlyOneClient(split: DataSplit) throws {
        var generator = SeededGenerator(seed: Seed(4))
        for trial in 0..<30 {
            let clients = 1 + generator.below(40)
            let count = clients * 2 + generator.below(300)
            let labels = labels(count, classes: 1 + generator.below(10), seed: UInt64(trial))
            let natural = (0..<count).map { Int32($0 % clients) }
            let seed = Seed(UInt64(trial))
            let partition = try split.partition(
                labels: labels,
                clientCount: clients,
                seed: seed,
                naturalClients: natural
            )
            #expect(partition.clientCount == clients)
            #expect(partition.indices.sorted() == (0..<count).map { UInt32($0) })
            #expect((0..<clients).allSatisfy { partition.count(of: $0) > 0 })
            #expect((0..<clients).allSatisfy { Array(partition[$0]) == partition[$0].sorted() })
            #expect(
                try split.partition(labels: labels, clientCount: clients, seed: seed, naturalClients: natural)
                    == partition
            )
        }
    }

    @Test func iidSizesDifferByAtMostOneAndDependOnTheSeed() throws {
        let labels = labels(1003, classes: 10, seed: 1)
        let partition = try DataSplit.iid.partition(labels: labels, clientCount: 7, seed: Seed(1))
        let sizes = (0..<7).map(partition.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        #expect(try DataSplit.iid.partition(labels: labels, clientCount: 7, seed: Seed(2)) != partition)
    }

    @Test func smallConcentrationsGiveLopsidedClasses() throws {
        let labels = labels(20_000, classes: 10, seed: 1)
        /// The mean over clients of the largest class's share.
        func dominance(_ concentration: Double) throws -> Double {
            let partition = try DataSplit.dirichlet(concentration: concentration).partition(
                labels: labels,
                clientCount: 50,
                seed: Seed(1)
            )
            return (0..<50).map { client in
                var counts = [Int](repeating: 0, count: 10)
                for sample in partition[client] { counts[Int(labels[Int(sample)])] += 1 }
                return Double(counts.max() ?? 0) / Double(partition.count(of: client))
            }.reduce(0, +) / 50
        }
        let (extreme, usual, even) = (try dominance(0.05), try dominance(0.5), try dominance(1000))
        #expect(extreme > 0.7)
        #expect(usual > 0.3 && usual < 0.6)
        #expect(even < 0.16)
    }

    @Test func shardsLimitTheLabelsOfAClient() throws {
        let labels = labels(5000, classes: 10, seed: 2)
        let partition = try DataSplit.shards(perClient: 2).partition(labels: labels, clientCount: 50, seed: Seed(1))
        for client in 0..<50 {
            // Two shards of 50 samples; each spans at most two labels.
            #expect(Set(partition[client].map { labels[Int($0)] }).count <= 4)
            #expect(partition.count(of: client) == 100)
        }
    }

    @Test func emptyClientsTakeFromTheLargest() {
        var owners: [UInt32] = [0, 0, 0, 2, 2, 2, 2, 4]
        DataSplit.fillEmptyClients(&owners, clientCount: 6)
        // Client 1 takes sample 6 of client 2 (4 samples); clients 0 and 2 then have 3 each: client 3 takes from client
        // 0, client 5 from client 2.
        #expect(owners == [0, 0, 3, 2, 2, 5, 1, 4])
    }

    @Test func aMillionClientsAreDealtQuickly() throws {
        let labels = [Int32](repeating: 0, count: 1_000_000)
        let partition = try DataSplit.natural.partition(
            labels: labels,
            clientCount: 1_000_000,
            seed: Seed(1),
            naturalClients: (0..<1_000_000).map { Int32($0) }
        )
        #expect(partition[999_999] == [999_999])
    }

    @Test func impossibleSplitsAreRefused() {
        let labels: [Int32] = [0, 1, 0]
        #expect(throws: LearningError.self) {
            try DataSplit.iid.partition(labels: labels, clientCount: 4, seed: Seed(1))
        }
        #expect(throws: LearningError.self) {
            try DataSplit.shards(perClient: 2).partition(labels: labels, clientCount: 2, seed: Seed(1))
        }
        #expect(throws: LearningError.self) {
            try DataSplit.natural.partition(labels: labels, clientCount: 1, seed: Seed(1))
        }
        #expect(throws: LearningError.self) {
            try DataSplit.natural.partition(labels: labels, clientCount: 3, seed: Seed(1), naturalClients: [0, 1, 0])
        }
    }
}
