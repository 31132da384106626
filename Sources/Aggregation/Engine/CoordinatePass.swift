// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// The coordinate-wise engine: orders the updates' values of each coordinate and averages some of them.
struct CoordinatePass {
    /// Which of the ordered values are averaged.
    enum Statistic {
        /// The values in these positions of the order.
        case positions(Range<Int>)
        /// So many values nearest to the median.
        case aroundMedian(keep: Int)
    }

    let updates: any UpdateSet
    let mixing: Mixing?
    let rule: String
    let engine: AggregationEngine

    /// Runs the pass.
    ///
    /// - Throws: ``AggregationError``: `tooManyUpdates`; `notFinite` where an update has a value that is not finite.
    func run(_ statistic: Statistic, sink: AggregateSink) throws {
        let count = mixing?.rowCount ?? updates.count
        guard max(count, updates.count) <= AggregationEngine.maximumCoordinateUpdates else {
            throw AggregationError(
                .tooManyUpdates,
                "\(rule) takes at most \(AggregationEngine.maximumCoordinateUpdates) updates and was given "
                    + "\(updates.count): lower the cohort"
            )
        }
        let network: SortingNetwork
        switch statistic {
        case .positions(let range): network = SortingNetwork(count: count, needed: range)
        case .aroundMedian: network = SortingNetwork(count: count, needed: 0..<count)
        }
        let plan = BlockPlan(whole: updates.layout, rowCount: max(count, updates.count))
        let capacity = (plan.maximumBlockElements + 7) / 8 * 8
        let pass = try BlockPass(
            updates,
            plan: plan,
            slotBytes: capacity * MemoryLayout<Double>.stride,
            engine: engine
        )
        let mixer = mixing.map { BlockMixer($0, plan: plan, workerCount: pass.workerCount) }
        let sortCount = count * Int(CK_SORT_CHUNK)
        let scratch = AlignedBuffer<Float>(count: sortCount * pass.workerCount)
        let output = AlignedBuffer<Double>(count: capacity * pass.slotCount)
        try pass.run(
            compute: { rows, block, worker, slot in
                let length = block.range.count
                let values = mixer?.mix(rows, length: length, worker: worker) ?? rows
                let out = output.base + slot * capacity
                let order = scratch.base + worker * sortCount
                let finite =
                    switch statistic {
                    case .positions(let range):
                        ck_sorted_mean(
                            out,
                            values.baseAddress,
                            count,
                            length,
                            network.pairs,
                            network.comparatorCount,
                            range.lowerBound,
                            range.upperBound,
                            order
                        )
                    case .aroundMedian(let keep):
                        ck_mean_around_median(
                            out,
                            values.baseAddress,
                            count,
                            length,
                            network.pairs,
                            network.comparatorCount,
                            keep,
                            order
                        )
                    }
                guard finite != 0 else { throw AggregationError.notFinite(rule: rule, update: nil) }
            },
            consume: { block, slot in
                try sink(block.range.lowerBound, UnsafeBufferPointer(output.slice(slot * capacity, block.range.count)))
            }
        )
    }
}
