// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import Testing

/// The streaming rules add in the order of BlockFold, so that simulations that fold blocks get the same model.
@Suite struct FoldOrderTests {
    @Test(arguments: [1, 3, 63, 64, 65, 128, 129, 200, 321, 513])
    func averagingAddsInTheOrderOfBlockFold(count: Int) throws {
        let elements = 1_100
        var generator = SeededGenerator(seed: Seed(UInt64(count)))
        let updates = (0..<count).map { _ in
            ParameterVector((0..<elements).map { _ in 2 * generator.uniformFloat() - 1 })
        }
        let weights = (0..<count).map { _ in Double(1 + generator.below(500)) }
        let total = weights.reduce(0, +)
        var fold = BlockFold(elementCount: elements)
        for block in 0..<BlockFold.blockCount(updates: count) {
            var sum = [Double](repeating: 0, count: elements)
            for index in BlockFold.updates(ofBlock: block, of: count) {
                updates[index].withElements { update in
                    sum.withUnsafeMutableBufferPointer {
                        VectorKernels.accumulate(update, weight: weights[index] / total, into: $0)
                    }
                }
            }
            fold.insert(sum, block: block)
        }
        let expected = fold.total().map(\.bitPattern)
        let set = try MemoryUpdateSet(
            layout: TensorLayout([.init(name: "w", shape: [elements])]),
            updates: updates,
            weights: weights
        )
        for threads in [1, 2] {
            let rule = FederatedAveraging(engine: AggregationEngine(threadCount: threads))
            let inMemory = try rule.aggregate(set).map(\.bitPattern)
            #expect(inMemory == expected, "\(count) updates in memory, \(threads) threads")
            let streamed = try rule.aggregate(ForwardUpdateSet(base: set)).map(\.bitPattern)
            #expect(streamed == expected, "\(count) updates from decoders, \(threads) threads")
        }
    }
}
