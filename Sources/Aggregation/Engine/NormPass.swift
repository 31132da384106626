// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// The squared norms of the updates, and which of them are finite: one pass.
enum NormPass {
    /// The squared Euclidean norm of each update; infinite or NaN for an update with such a value.
    static func uncheckedSquaredNorms(_ updates: any UpdateSet, engine: AggregationEngine) throws -> [Double] {
        let plan = BlockPlan(whole: updates.layout, rowCount: updates.count)
        let pass = try BlockPass(updates, plan: plan, slotBytes: 8 * updates.count, engine: engine)
        let count = updates.count
        let partials = AlignedBuffer<Double>(count: count * pass.slotCount)
        var norms = [Double](repeating: 0, count: count)
        try pass.run(
            compute: { rows, block, _, slot in
                let partial = partials.slice(slot * count, count)
                partial.initialize(repeating: 0)
                ck_squared_norms(partial.baseAddress, rows.baseAddress, count, block.range.count)
            },
            consume: { _, slot in
                for (index, value) in partials.slice(slot * count, count).enumerated() { norms[index] += value }
            }
        )
        return norms
    }

    /// The squared norms.
    ///
    /// - Throws: ``AggregationError`` with code `notFinite`.
    static func squaredNorms(_ updates: any UpdateSet, rule: String, engine: AggregationEngine) throws -> [Double] {
        let norms = try uncheckedSquaredNorms(updates, engine: engine)
        if let index = norms.firstIndex(where: { !$0.isFinite }) {
            throw AggregationError.notFinite(rule: rule, update: index)
        }
        return norms
    }
}
