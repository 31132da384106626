// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Makes the vectors that a rule behind pre-aggregators sees, all of them, in memory.
enum MixingPass {
    static func materialize(_ input: PreparedUpdates, engine: AggregationEngine) throws -> MemoryUpdateSet {
        let layout = input.updates.layout
        let mixing = input.mixing ?? Mixing(scales: [Double](repeating: 1, count: input.updates.count))
        var vectors = (0..<mixing.rowCount).map { _ in ParameterVector(zeros: layout.elementCount) }
        // Each vector owns its memory alone, so the addresses hold until the vectors are next written.
        let bases = vectors.indices.map { row in vectors[row].withMutableElements { $0.baseAddress } }
        let plan = BlockPlan(whole: layout, rowCount: max(mixing.rowCount, input.updates.count))
        let pass = try BlockPass(input.updates, plan: plan, slotBytes: 0, engine: engine)
        let mixer = BlockMixer(mixing, plan: plan, workerCount: pass.workerCount)
        try pass.run(
            compute: { rows, block, worker, _ in
                var targets = bases.map { base in base.map { $0 + block.range.lowerBound } }
                targets.withUnsafeMutableBufferPointer {
                    mixer.mix(rows, length: block.range.count, worker: worker, into: $0)
                }
            },
            consume: { _, _ in }
        )
        return try MemoryUpdateSet(layout: layout, updates: vectors, weights: input.weights)
    }
}
