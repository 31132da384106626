// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning

/// The splits of NIID-Bench: balanced Dirichlet shares, and a number of classes a client.
@Suite struct DataSplitSilosTests {
    /// Samples of 10 classes in the order 0, 1, ..., 9, 0, ...
    private func labels(_ count: Int) -> [Int32] { (0..<count).map { Int32($0 % 10) } }

    private func classCounts(_ partition: Partition, _ labels: [Int32]) -> [[Int]] {
        (0..<partition.clientCount).map { client in
            var counts = [Int](repeating: 0, count: 10)
            for sample in partition[client] { counts[Int(labels[Int(sample)])] += 1 }
            return counts
        }
    }

    @Test(arguments: [1, 2, 3, 10]) func aClientHasItsNumberOfClassesAndSharesThemEvenly(perClient: Int) throws {
        let labels = labels(6000)
        for (seed, clients) in [(1, 10), (2, 10), (3, 25)] {
            let split = DataSplit.labels(perClient: perClient)
            let partition = try split.partition(labels: labels, clientCount: clients, seed: Seed(UInt64(seed)))
            #expect(partition.indices.sorted() == (0..<6000).map { UInt32($0) })
            let counts = classCounts(partition, labels)
            for client in 0..<clients {
                #expect(counts[client].filter { $0 > 0 }.count == perClient)
                #expect(counts[client][client % 10] > 0, "client i has class i")
            }
            for label in 0..<10 {
                let held = counts.map { $0[label] }.filter { $0 > 0 }
                #expect((held.max() ?? 0) - (held.min() ?? 0) <= 2)
            }
        }
    }

    @Test func theOtherClassesDependOnTheSeed() throws {
        let labels = labels(1000)
        let partitions = try (1...4).map {
            try DataSplit.labels(perClient: 2).partition(labels: labels, clientCount: 10, seed: Seed(UInt64($0)))
        }
        #expect(Set(partitions.map { classCounts($0, labels).map { $0.map { $0 > 0 } } }).count == 4)
    }

    @Test func tooFewClientsOrClassesAreRefused() {
        for (perClient, clients) in [(2, 9), (11, 10)] {
            #expect(throws: LearningError.self) {
                try DataSplit.labels(perClient: perClient).partition(
                    labels: labels(1000),
                    clientCount: clients,
                    seed: Seed(1)
                )
            }
        }
    }

    @Test(arguments: [0.1, 0.5, 5]) func balancedClientsStopAtTheirEvenShare(concentration: Double) throws {
        let labels = labels(6000)
        for seed in 1...5 {
            let split = DataSplit.balancedDirichlet(concentration: concentration)
            let partition = try split.partition(labels: labels, clientCount: 10, seed: Seed(UInt64(seed)))
            #expect(partition.indices.sorted() == (0..<6000).map { UInt32($0) })
            let counts = classCounts(partition, labels)
            for client in 0..<10 {
                // Whoever has 600 samples gets none of the classes that follow; rounding may leave one.
                let sums = counts[client].reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
                for (label, before) in sums.dropLast().enumerated() where before >= 600 {
                    #expect(counts[client][label] <= 1)
                }
                #expect(partition.count(of: client) >= DataSplit.balancedMinimum - 1)
            }
        }
    }

    @Test func balancedSizesDifferLessThanThoseOfPlainShares() throws {
        let labels = labels(6000)
        func largest(_ split: DataSplit) throws -> Int {
            try (1...10).map { seed in
                let partition = try split.partition(labels: labels, clientCount: 10, seed: Seed(UInt64(seed)))
                return (0..<10).map(partition.count).max() ?? 0
            }.reduce(0, +)
        }
        let balanced = try largest(.balancedDirichlet(concentration: 0.3))
        #expect(try Double(largest(.dirichlet(concentration: 0.3))) > 1.1 * Double(balanced))
    }

    @Test(arguments: [99, 150]) func sharesThatNeverSufficeAreGivenUp(count: Int) {
        // Fewer than 10 samples for each; one class, whose shares are all or nothing.
        #expect(throws: LearningError.self) {
            try DataSplit.balancedDirichlet(concentration: 0.01).partition(
                labels: [Int32](repeating: 4, count: count),
                clientCount: 10,
                seed: Seed(1)
            )
        }
    }

    @Test(arguments: [DataSplit.labels(perClient: 2), .balancedDirichlet(concentration: 0.3)])
    func clientsAreTestedOnWhatTheyTrainOn(split: DataSplit) throws {
        let (train, test) = (labels(6000), labels(1000))
        let training = classCounts(try split.partition(labels: train, clientCount: 10, seed: Seed(3)), train)
        let partition = try split.testPartition(labels: test, trainLabels: train, clientCount: 10, seed: Seed(3))
        #expect(partition.indices.sorted() == (0..<1000).map { UInt32($0) })
        for (own, tested) in zip(training, classCounts(partition, test)) {
            for label in 0..<10 { #expect(abs(Double(own[label]) / 6 - Double(tested[label])) <= 2) }
        }
    }

    @Test func aLastClientWithoutAShareGetsNothingOfIt() {
        var owners = [UInt32](repeating: 9, count: 10)
        DataSplit.deal(Array(0..<10), order: Array(0..<10), by: [1 / 3, 1 / 3, 1 / 3, 0], into: &owners)
        #expect(owners == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    }
}
