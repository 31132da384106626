// SPDX-License-Identifier: Apache-2.0

import Learning

/// A scenario's samples, dealt to its clients.
public struct ClientData: Sendable {
    /// The training samples of all clients.
    let train: SampleTable
    /// Which client has which.
    let partition: Partition
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
        var dataset = try specification.loadWhole()
        if scenario.validation > 0 {
            dataset = try dataset.validating(on: scenario.validation, seed: specification.seed)
        }
        train = try dataset.requireTrain()
        test = dataset.test
        partition = try specification.split.partition(
            labels: train.labels,
            clientCount: scenario.honestClients,
            seed: specification.seed,
            naturalClients: train.clients
        )
        testPartition = try test.map { [train] in
            try specification.split.testPartition(
                labels: $0.labels,
                trainLabels: train.labels,
                clientCount: scenario.honestClients,
                seed: specification.seed,
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

    /// The samples of a client, from 0.
    func samples(of client: Int) -> Samples {
        Samples(train, indices: partition[client])
    }

    /// A table of the same samples with their classes in reverse order.
    func flipped(classes: Int) -> SampleTable {
        train.relabelled { Int32(classes) - 1 - $0 }
    }

    /// The samples of a client, out of another table of the same samples.
    func samples(of client: Int, in table: SampleTable) -> Samples {
        Samples(table, indices: partition[client])
    }
}
