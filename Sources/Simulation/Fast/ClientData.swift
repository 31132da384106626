// SPDX-License-Identifier: Apache-2.0

import Learning
import Randomness

/// A scenario's samples, dealt to its clients.
public struct ClientData: Sendable {
    /// Where clients' samples are.
    private enum Source {
        /// In one table, with which client has which.
        case dealt(SampleTable, Partition)
        /// Nowhere: they are drawn when they are asked for.
        case drawn(SyntheticSet, Seed)
    }

    /// The bytes from which on samples that can be drawn are not kept.
    private static let keptBytes = 1 << 28

    private let source: Source
    /// The samples that models are evaluated on.
    let test: SampleTable?
    /// Which client evaluates on which: dealt as the training samples are, so that a client is tested on what it knows.
    private let testPartition: Partition?

    /// Loads and deals.
    ///
    /// - Throws: `LearningError` when the data cannot be read or dealt in this way.
    public init(_ scenario: Scenario) throws {
        var specification = try DataSpecification(parsing: scenario.data)
        guard specification.part == nil else {
            throw LearningError(
                .invalidSpecification,
                "'data' of a scenario has no part=; its clients share all of it"
            )
        }
        if let split = scenario.split { specification.split = try DataSplit(parsing: split) }
        let (split, seed) = (specification.split, specification.seed)
        let clients = scenario.honestClients
        if case .synthetic(let set) = specification.source, split == .natural, set.clients == clients,
            scenario.validation == 0, scenario.attack == nil, set.byteCount > Self.keptBytes
        {
            source = .drawn(set, seed)
            test = set.testTable(seed: seed)
            testPartition = nil
            return
        }
        var dataset = try specification.loadWhole()
        if scenario.validation > 0 { dataset = try dataset.validating(on: scenario.validation, seed: seed) }
        let train = try dataset.requireTrain()
        test = dataset.test
        source = .dealt(
            train,
            try split.partition(
                labels: train.labels,
                clientCount: clients,
                seed: seed,
                naturalClients: train.clients
            )
        )
        testPartition = try test.map {
            try split.testPartition(
                labels: $0.labels,
                trainLabels: train.labels,
                clientCount: clients,
                seed: seed,
                naturalClients: $0.clients
            )
        }
    }

    /// The samples that a client evaluates on: its share of the test part.
    ///
    /// Byzantine clients, which come last, evaluate nothing.
    func testSamples(of client: Int) -> Samples? {
        guard let test, let testPartition, client < testPartition.clientCount else { return nil }
        return Samples(test, indices: testPartition[client])
    }

    /// The number of samples of a client, from 0.
    func sampleCount(of client: Int) -> Int {
        switch source {
        case .dealt(_, let partition): partition.count(of: client)
        case .drawn(let set, _): set.samples
        }
    }

    /// The samples that a client says it has: Byzantine ones, who come last, as many as the honest ones on average.
    func claimedSampleCount(of client: Int) -> Int {
        switch source {
        case .dealt(_, let partition) where client >= partition.clientCount:
            (0..<partition.clientCount).reduce(0) { $0 + partition.count(of: $1) } / max(partition.clientCount, 1)
        case .dealt(_, let partition): partition.count(of: client)
        case .drawn(let set, _): set.samples
        }
    }

    /// The samples of a client, from 0.
    func samples(of client: Int) -> Samples {
        switch source {
        case .dealt(let table, let partition): Samples(table, indices: partition[client])
        case .drawn(let set, let seed): Samples(set.table(of: CollectionOfOne(client), seed: seed))
        }
    }

    /// The samples of some clients in one table, and where they have theirs.
    func samples(of clients: some Collection<Int>) -> (table: SampleTable, partition: Partition, clients: [Int]) {
        switch source {
        case .dealt(let table, let partition):
            return (table, partition, Array(clients))
        case .drawn(let set, let seed):
            let table = set.table(of: clients, seed: seed)
            return (table, Partition(clients: clients.count, samplesEach: set.samples), Array(0..<clients.count))
        }
    }

    /// A table of the same samples with their classes in reverse order.
    func flipped(classes: Int) -> SampleTable {
        guard case .dealt(let table, _) = source else { preconditionFailure("where there are attacks, data is kept") }
        return table.relabelled { Int32(classes) - 1 - $0 }
    }

    /// The samples of a client, out of another table of the same samples.
    func samples(of client: Int, in table: SampleTable) -> Samples {
        guard case .dealt(_, let partition) = source else { preconditionFailure("there is one table of all samples") }
        return Samples(table, indices: partition[client])
    }
}
