// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@Suite struct BlockFoldTests {
    private func sums(_ count: Int) -> [[Double]] {
        var generator = SeededGenerator(seed: Seed(UInt64(count)))
        return (0..<count).map { _ in (0..<3).map { _ in generator.normal() * 1e3 } }
    }

    /// The definition, written out: halves at the largest power of two of blocks.
    private func reference(_ sums: ArraySlice<[Double]>) -> [Double] {
        guard sums.count > 1 else { return sums.first ?? [] }
        var left = 1
        while 2 * left < sums.count { left *= 2 }
        let middle = sums.startIndex + left
        return zip(reference(sums[..<middle]), reference(sums[middle...])).map { $0 + $1 }
    }

    private func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

    @Test func theTotalDoesNotDependOnTheOrderOfInsertion() {
        var generator = SeededGenerator(seed: Seed(1))
        for count in 1...40 {
            let all = sums(count)
            for _ in 0..<3 {
                var fold = BlockFold(elementCount: 3)
                for block in generator.permutation(count) { fold.insert(all[block], block: block) }
                #expect(bits(fold.total()) == bits(reference(all[...])), "\(count) blocks")
            }
        }
    }

    @Test func theOrderMatters() {
        // Otherwise the other tests could not tell orders apart.
        let all = sums(7)
        let fromTheLeft = all.dropFirst().reduce(all[0]) { zip($0, $1).map { $0 + $1 } }
        #expect(bits(reference(all[...])) != bits(fromTheLeft))
    }

    @Test func anyNumberOfProcessesGivesTheSameBits() {
        let count = 23
        let all = sums(count)
        for ranks in [1, 2, 3, 5, 23] {
            // Each rank has a run of blocks and sends what is left of it.
            var folds = (0..<ranks).map { _ in BlockFold(elementCount: 3) }
            for block in 0..<count { folds[block * ranks / count].insert(all[block], block: block) }
            var root = BlockFold(elementCount: 3)
            for fold in folds.reversed() {
                #expect(fold.nodes.count <= 8)
                for node in fold.nodes { root.insert(.init(level: node.level, index: node.index, sum: node.sum)) }
            }
            #expect(bits(root.total()) == bits(reference(all[...])), "\(ranks) processes")
        }
    }

    @Test func aFoldInOrderKeepsOneSumForEachPowerOfTwo() {
        var fold = BlockFold(elementCount: 3)
        for (block, sum) in sums(100).enumerated() {
            fold.insert(sum, block: block)
            #expect(fold.nodes.count == (block + 1).nonzeroBitCount)
        }
    }

    @Test func updatesAreCutInBlocksOf64() {
        #expect(BlockFold.blockCount(updates: 0) == 0 && BlockFold.blockCount(updates: 64) == 1)
        #expect(BlockFold.blockCount(updates: 65) == 2)
        #expect(BlockFold.updates(ofBlock: 0, of: 10) == 0..<10)
        #expect(BlockFold.updates(ofBlock: 1, of: 130) == 64..<128)
        #expect(BlockFold.updates(ofBlock: 2, of: 130) == 128..<130)
    }
}
