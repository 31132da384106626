// SPDX-License-Identifier: Apache-2.0

internal import Randomness

extension DataSplit {
    /// For each class: shuffle its samples, draw the clients' shares, cut the list at the shares' running sums.
    static func dealByDirichlet(
        _ labels: [Int32],
        to clientCount: Int,
        concentration: Double,
        seed: Seed
    ) -> [UInt32] {
        var owners = [UInt32](repeating: 0, count: labels.count)
        for (label, samples) in samplesByLabel(labels) {
            let (order, shares) = dirichletShares(
                sampleCount: samples.count,
                to: clientCount,
                concentration: concentration,
                seed: seed.deriving("split-dirichlet", UInt64(label))
            )
            deal(samples, order: order, by: shares, into: &owners)
        }
        fillEmptyClients(&owners, clientCount: clientCount)
        return owners
    }

    /// The order of a class's samples, and the clients' shares of them.
    static func dirichletShares(
        sampleCount: Int,
        to clientCount: Int,
        concentration: Double,
        seed: Seed
    ) -> (order: [Int], shares: [Double]) {
        var generator = SeededGenerator(seed: seed)
        let order = generator.permutation(sampleCount)
        return (order, generator.dirichlet(concentration: concentration, count: clientCount))
    }

    /// Cuts the ordered list at the shares' running sums.
    static func deal(_ samples: [UInt32], order: [Int], by shares: [Double], into owners: inout [UInt32]) {
        var position = 0
        for (client, end) in cuts(of: samples.count, by: shares).enumerated() {
            while position < end {
                owners[Int(samples[order[position]])] = UInt32(truncatingIfNeeded: client)
                position += 1
            }
        }
    }

    /// Where each client's part of `count` samples ends; what rounding leaves goes to the last that has a share.
    static func cuts(of count: Int, by shares: [Double]) -> [Int] {
        let last = shares.lastIndex { $0 > 0 } ?? shares.count - 1
        var sum = 0.0
        return shares.indices.map { client in
            sum += shares[client]
            return client >= last ? count : min(Int(sum * Double(count)), count)
        }
    }

    static func samplesByLabel(_ labels: [Int32]) -> [(label: Int32, samples: [UInt32])] {
        var groups: [Int32: [UInt32]] = [:]
        for (sample, label) in labels.enumerated() {
            groups[label, default: []].append(UInt32(truncatingIfNeeded: sample))
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Gives each empty client one sample of the client that has the most at that moment, the lowest numbered of
    /// equals: the highest numbered sample that this one still has.
    static func fillEmptyClients(_ owners: inout [UInt32], clientCount: Int) {
        let start = Partition(owners: owners, clientCount: clientCount)
        let empty = (0..<clientCount).filter { start.count(of: $0) == 0 }
        guard !empty.isEmpty else { return }
        // Clients by size; a level is emptied before the next lower one is touched, and whoever gives one sample away
        // joins the lower level, so that no client is searched for.
        var levels: [Int: [Int]] = [:]
        for client in 0..<clientCount { levels[start.count(of: client), default: []].append(client) }
        var size = levels.keys.max() ?? 0
        var givers: [Int] = (levels[size] ?? []).sorted()
        var next = 0
        for receiver in empty {
            while next == givers.count {
                givers = (givers + (levels[size - 1] ?? [])).sorted()
                size -= 1
                next = 0
            }
            let giver = givers[next]
            next += 1
            owners[Int(start.indices[start.offsets[giver] + size - 1])] = UInt32(truncatingIfNeeded: receiver)
        }
    }
}
