// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// Chooses the samples to test on where the source has no test part.
enum HoldOut {
    /// Draws `fraction` of each natural client's samples, rounded to the nearest, without replacement; both lists
    /// ascend.
    static func split(clients: [Int32], fraction: Double, seed: Seed) -> (train: [UInt32], test: [UInt32]) {
        var members: [Int32: [UInt32]] = [:]
        for (sample, client) in clients.enumerated() {
            members[client, default: []].append(UInt32(truncatingIfNeeded: sample))
        }
        var isTest = [Bool](repeating: false, count: clients.count)
        for (client, samples) in members {
            // A stream for each client: the order in which the dictionary gives them does not matter.
            var generator = SeededGenerator(seed: seed.deriving("hold-out", UInt64(truncatingIfNeeded: Int(client))))
            let count = Int((fraction * Double(samples.count)).rounded())
            for position in generator.sample(min(count, samples.count), of: samples.count) {
                isTest[Int(samples[position])] = true
            }
        }
        let all = 0..<UInt32(truncatingIfNeeded: clients.count)
        return (all.filter { !isTest[Int($0)] }, all.filter { isTest[Int($0)] })
    }

    /// Puts some of the held-out samples back: what has no label tests nothing.
    static func returning(
        _ parts: (train: [UInt32], test: [UInt32]),
        where isReturned: (Int) -> Bool
    ) -> (train: [UInt32], test: [UInt32]) {
        let back = parts.test.filter { isReturned(Int($0)) }
        guard !back.isEmpty else { return parts }
        return ((parts.train + back).sorted(), parts.test.filter { !isReturned(Int($0)) })
    }

    /// Cuts a table in two; samples without a label are never held out.
    static func split(_ table: SampleTable, fraction: Double, seed: Seed) -> (train: SampleTable?, test: SampleTable?) {
        guard fraction > 0 else { return (table, nil) }
        let clients = table.clients ?? [Int32](repeating: 0, count: table.count)
        let drawn = split(clients: clients, fraction: fraction, seed: seed)
        let (train, test) = returning(drawn) { table.label(of: $0) == nil }
        return (table.compacted(train), table.compacted(test))
    }
}
