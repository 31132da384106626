// SPDX-License-Identifier: Apache-2.0

import ModelState

/// One pass over all coordinates of a set: reads each block, computes with its rows on several threads, and takes the
/// results in order.
struct BlockPass {
    let plan: BlockPlan
    let workerCount: Int
    let slotCount: Int
    private let reader: RowReader

    /// What the slots of a pass may take together, and what its threads' blocks may: rules stay under the model and 256
    /// MB.
    static let memoryBudgetBytes = 96 << 20

    /// Prepares a pass; see ``RowReader`` for the rows.
    ///
    /// - Parameter slotBytes: the memory that the pass's caller keeps for each slot.
    init(
        _ updates: any UpdateSet,
        indices: [Int]? = nil,
        extras: [UnsafePointer<Float>] = [],
        plan: BlockPlan,
        slotBytes: Int,
        engine: AggregationEngine
    ) throws {
        self.plan = plan
        // A thread holds its block's rows, perhaps the mixed rows too.
        let workerBytes = 8 * updates.count * plan.maximumBlockElements
        let useful = min(engine.threadCount, max(plan.blocks.count / 2, 1))
        let affordable = min(Self.memoryBudgetBytes / max(workerBytes, 1), Self.memoryBudgetBytes / max(slotBytes, 1))
        workerCount = max(min(useful, affordable), 1)
        let slots = workerCount == 1 ? 1 : 2 * workerCount + 2
        slotCount = max(min(slots, Self.memoryBudgetBytes / max(slotBytes, 1)), 1)
        reader = try RowReader(updates, indices: indices, extras: extras, plan: plan, workerCount: workerCount)
    }

    /// The rows of a block.
    var rowCount: Int { reader.rowCount }

    /// Runs the pass.
    ///
    /// - Parameters:
    ///   - compute: on any thread; may write memory of its worker and of its slot.
    ///   - consume: on the caller's thread, in the order of the blocks.
    func run(
        compute: (_ rows: RowReader.Rows, _ block: BlockPlan.Block, _ worker: Int, _ slot: Int) throws -> Void,
        consume: (_ block: BlockPlan.Block, _ slot: Int) throws -> Void
    ) throws {
        try withoutActuallyEscaping(compute) { compute in
            try withoutActuallyEscaping(consume) { consume in
                try run(escapingCompute: compute, escapingConsume: consume)
            }
        }
        try reader.finish()
    }

    private func run(
        escapingCompute compute: @escaping (RowReader.Rows, BlockPlan.Block, Int, Int) throws -> Void,
        escapingConsume consume: @escaping (BlockPlan.Block, Int) throws -> Void
    ) throws {
        let (reader, blocks) = (reader, plan.blocks)
        var stages = OrderedPipeline.Stages(
            read: nil,
            compute: { item, worker, slot in
                if !reader.isSequential { try reader.read(blocks[item].range, worker: worker) }
                try compute(reader.rows(worker: worker), blocks[item], worker, slot)
            },
            consume: { item, slot in try consume(blocks[item], slot) }
        )
        if reader.isSequential {
            stages.read = { item, worker in try reader.read(blocks[item].range, worker: worker) }
        }
        try OrderedPipeline.run(itemCount: blocks.count, workerCount: workerCount, slotCount: slotCount, stages: stages)
    }
}
