// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Aggregation

/// The parts that engines are made of.
@Suite struct EnginePartTests {
    @Test func sortingNetworksOrderEveryPatternOfZerosAndOnes() {
        // The 0-1 principle: a network that orders all zeros and ones orders everything.
        for count in 1...13 {
            let network = SortingNetwork(count: count, needed: 0..<count)
            for pattern in 0..<(1 << count) {
                var values = (0..<count).map { (pattern >> $0) & 1 }
                apply(network, to: &values)
                #expect(values == values.sorted())
            }
        }
    }

    @Test func prunedNetworksPutTheNeededValuesInPlace() {
        for count in [2, 5, 11, 20] {
            let needed = ((count - 1) / 2)..<(count / 2 + 1)
            let network = SortingNetwork(count: count, needed: needed)
            #expect(
                count < 5 || network.comparatorCount < SortingNetwork(count: count, needed: 0..<count).comparatorCount
            )
            var generator = SeededGenerator(seed: Seed(UInt64(count)))
            for _ in 0..<500 {
                var values = (0..<count).map { _ in generator.below(12) }
                let expected = values.sorted()[needed]
                apply(network, to: &values)
                #expect(values[needed] == expected)
            }
        }
    }

    private func apply(_ network: SortingNetwork, to values: inout [Int]) {
        for comparator in 0..<network.comparatorCount {
            let (low, high) = (Int(network.pairs[2 * comparator]), Int(network.pairs[2 * comparator + 1]))
            if values[high] < values[low] { values.swapAt(low, high) }
        }
    }

    private func randomMatrix(_ count: Int, rank: Int, seed: UInt64) -> [Double] {
        let rows = (0..<count).map { OracleMatrix.unit(seed, row: UInt64($0), count: rank) }
        return (0..<(count * count)).map { index in
            zip(rows[index / count], rows[index % count]).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }

    @Test func eigenvectorsRebuildTheirMatrix() {
        for (count, rank) in [(1, 1), (2, 5), (7, 3), (30, 100), (64, 10)] {
            let matrix = randomMatrix(count, rank: rank, seed: UInt64(count))
            let eigen = SymmetricEigen(matrix, count: count)
            #expect(zip(eigen.values, eigen.values.dropFirst()).allSatisfy { $0 >= $1 })
            for i in 0..<count {
                for j in 0..<count {
                    let rebuilt = (0..<count).reduce(0.0) {
                        $0 + eigen.values[$1] * eigen.vectors[$1][i] * eigen.vectors[$1][j]
                    }
                    #expect(abs(rebuilt - matrix[i * count + j]) < 1e-12 * Double(rank))
                    let dot = zip(eigen.vectors[i], eigen.vectors[j]).reduce(0) { $0 + $1.0 * $1.1 }
                    #expect(abs(dot - (i == j ? 1 : 0)) < 1e-12)
                }
            }
        }
    }

    @Test func theLargestEigenvalueAloneEqualsTheDecomposition() {
        for (count, rank) in [(1, 1), (2, 1), (2, 2), (3, 9), (16, 40), (26, 5)] {
            var matrix = randomMatrix(count, rank: rank, seed: UInt64(100 + count))
            let expected = SymmetricEigen(matrix, count: count).values[0]
            #expect(abs(SymmetricEigen.largestValue(&matrix, count: count) - expected) < 1e-12 * max(expected, 1))
        }
        var zeros = [Double](repeating: 0, count: 16)
        #expect(SymmetricEigen.largestValue(&zeros, count: 4) == 0)
        #expect(SymmetricEigen([Double](repeating: 0, count: 16), count: 4).values == [0, 0, 0, 0])
    }

    @Test(arguments: [1, 2, 4, 7]) func pipelinesConsumeInOrderAndReadInOrder(_ workers: Int) throws {
        for slotCount in [1, workers, 2 * workers + 2] {
            let slots = AlignedBuffer<Int>(count: slotCount)
            let read = AlignedBuffer<Int>(count: 501)
            read.base[0] = 0
            var consumed: [Int] = []
            try OrderedPipeline.run(
                itemCount: 500,
                workerCount: workers,
                slotCount: slotCount,
                stages: .init(
                    read: { item, _ in
                        // Position 0 counts the items that were read; each is noted at its turn.
                        read.base[0] += 1
                        read.base[read.base[0]] = item
                    },
                    compute: { item, _, slot in slots.base[slot] = item * item },
                    consume: { item, slot in
                        #expect(slots.base[slot] == item * item)
                        consumed.append(item)
                    }
                )
            )
            #expect(consumed == Array(0..<500))
            #expect(Array(read.slice(1, 500)) == Array(0..<500))
        }
    }

    @Test(arguments: [1, 4]) func pipelinesReportTheFirstFailure(_ workers: Int) {
        struct Failure: Error, Equatable { let item: Int }
        for stage in 0..<3 {
            #expect(throws: Failure(item: 20)) {
                try OrderedPipeline.run(
                    itemCount: 40,
                    workerCount: workers,
                    slotCount: 2 * workers,
                    stages: .init(
                        read: { item, _ in if stage == 0, item == 20 { throw Failure(item: item) } },
                        compute: { item, _, _ in if stage == 1, item == 20 { throw Failure(item: item) } },
                        consume: { item, _ in if stage == 2, item == 20 { throw Failure(item: item) } }
                    )
                )
            }
        }
    }

    @Test func mixingsFollowEachOther() {
        let first = Mixing(groups: [[0, 2], [1], [1, 3]], columnCount: 4)
        let second = Mixing(scales: [2, 3, 0.5])
        let both = second.after(first)
        #expect(both.transposed(times: [1, 0, 0]) == [1, 0, 1, 0])
        #expect(both.transposed(times: [0, 1, 2]) == [0, 3.5, 0, 0.5])
        let gram = GramMatrix(count: 4, values: randomMatrix(4, rank: 6, seed: 1))
        let (direct, stepwise) = (gram.transformed(by: both), gram.transformed(by: first).transformed(by: second))
        #expect(zip(direct.values, stepwise.values).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test func equalVectorsAreAtDistanceZero() throws {
        let row = OracleMatrix.unit(1, row: 0, count: 10_000)
        let gram = try GramPass.whole(Make.set([row, row]), rule: "test", engine: AggregationEngine())
        #expect(gram.squaredDistance(0, 1) == 0)
        #expect(gram.squaredNorm(0) > 0)
    }

    @Test func minimumDiameterEqualsTryingAllSubsets() throws {
        for seed in 0..<30 as Range<UInt64> {
            let (n, f) = (7 + Int(seed % 4), 2 + Int(seed % 2))
            // Small whole numbers make many equal distances, so that the order among equals is tested too.
            let rows = (0..<n).map { row in
                OracleMatrix.unit(seed, row: UInt64(row), count: 2).map { ($0 * 6).rounded() }
            }
            let gram = try GramPass.whole(Make.set(rows), rule: "test", engine: AggregationEngine())
            var (best, least) = ([Int](), Double.infinity)
            for subset in subsets(n, size: n - f) {
                let diameter = subset.reduce(0.0) { widest, i in
                    subset.reduce(widest) { max($0, gram.squaredDistance(i, $1)) }
                }
                if diameter < least { (best, least) = (subset, diameter) }
            }
            let coefficients = try MinimumDiameterAveraging(faulty: f).coefficients(gram, weights: [])
            #expect(coefficients.indices.filter { coefficients[$0] > 0 } == best, "seed \(seed)")
        }
    }

    /// All subsets in lexicographic order.
    private func subsets(_ count: Int, size: Int) -> [[Int]] {
        (0..<(1 << count)).filter { $0.nonzeroBitCount == size }
            .map { bits in (0..<count).filter { bits >> $0 & 1 == 1 } }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }
}
