// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Some clients of a round that train from the same model, in the order in which their changes are added.
public struct Cohort: Sendable {
    /// The samples of the clients, and maybe of others.
    public let table: SampleTable
    /// Who has which.
    public let partition: Partition
    /// The clients' numbers in the partition.
    public let clients: [Int]
    /// Each client's factor in the mean.
    public let coefficients: [Double]
    /// Each client's seed, as in ``LocalTrainer``.
    public let seeds: [Seed]

    /// Creates a cohort.
    ///
    /// - Precondition: the partition is one of the table's samples; there is a factor and a seed for each client.
    public init(table: SampleTable, partition: Partition, clients: [Int], coefficients: [Double], seeds: [Seed]) {
        precondition(clients.count == coefficients.count, "each client has a factor in the mean")
        precondition(clients.count == seeds.count, "each client has a seed")
        self.table = table
        self.partition = partition
        self.clients = clients
        self.coefficients = coefficients
        self.seeds = seeds
    }

    /// Where the partition has the samples of the client at a position.
    func rows(_ position: Int) -> Range<Int> {
        let client = clients[position]
        return partition.offsets[client]..<partition.offsets[client + 1]
    }
}
