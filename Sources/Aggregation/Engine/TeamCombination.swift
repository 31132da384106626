// SPDX-License-Identifier: Apache-2.0

import ModelState
import UpdateCoding

/// A linear combination of updates that can only be decoded forward, on several threads.
///
/// Each thread decodes updates of its own, then sums a share of the block's coordinates over all updates in the order
/// of BlockFold, so the result has the bits of one thread's. Updates are taken in batches: memory does not grow with
/// their number, but for one more sum each time it doubles beyond 64.
struct TeamCombination {
    /// Updates decoded together, for each thread.
    private static let rowsPerThread = 8

    let decoders: [any UpdateDecoder]
    let blocks: [BlockPlan.Block]
    /// A list for each group of coordinates, with one coefficient for each decoder.
    let coefficients: [[Double]]
    let maximumBlockElements: Int
    let threadCount: Int

    /// Runs the pass; `finish` is given each block's sums on the caller's thread, in order.
    ///
    /// - Parameter extra: one more vector with its coefficient, added as the last row.
    func run(
        extra: (vector: UnsafePointer<Float>, coefficient: Double)? = nil,
        _ finish: @escaping (BlockPlan.Block, UnsafeMutableBufferPointer<Double>) throws -> Void
    ) throws {
        let capacity = (maximumBlockElements + 15) / 16 * 16
        let batch = Self.rowsPerThread * threadCount
        let rows = AlignedBuffer<Float>(count: capacity * min(batch, decoders.count))
        let sums = AlignedBuffer<Double>(count: capacity)
        try WorkerTeam.run(count: threadCount) { worker, team in
            var sum = OrderedSum(capacity: capacity)
            for block in blocks {
                let share = share(of: block.range.count, worker)
                sum.begin(count: share.count)
                for start in stride(from: 0, to: decoders.count, by: batch) {
                    let end = min(start + batch, decoders.count)
                    for row in stride(from: start + worker, to: end, by: threadCount) {
                        try decoders[row].decode(into: rows.slice((row - start) * capacity, block.range.count))
                    }
                    try team.meet()
                    for row in start..<end {
                        sum.add(
                            UnsafeBufferPointer(rows.slice((row - start) * capacity + share.lowerBound, share.count)),
                            weight: coefficients[block.group][row]
                        )
                    }
                    // The last of these also says that the block's sums are complete.
                    if end == decoders.count {
                        if let extra {
                            let begin = extra.vector + block.range.lowerBound + share.lowerBound
                            sum.add(UnsafeBufferPointer(start: begin, count: share.count), weight: extra.coefficient)
                        }
                        _ = sums.slice(share.lowerBound, share.count).initialize(fromContentsOf: sum.total())
                    }
                    try team.meet()
                }
                if worker == 0 { try finish(block, sums.slice(0, block.range.count)) }
            }
        }
    }

    /// The coordinates of a block that a worker sums.
    private func share(of count: Int, _ worker: Int) -> Range<Int> {
        let size = (count + threadCount - 1) / threadCount
        let low = min(worker * size, count)
        return low..<min(low + size, count)
    }
}
