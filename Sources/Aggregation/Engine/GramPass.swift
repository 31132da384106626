// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// The Gram engine's first pass: inner products of the updates, over the whole model or tensor by tensor.
enum GramPass {
    /// The Gram matrix over all coordinates.
    ///
    /// - Parameters:
    ///   - updates: the set.
    ///   - extras: further vectors, which become the last rows.
    /// - Throws: ``AggregationError``: `tooManyUpdates`; `notFinite` where an update has a value that is not finite.
    static func whole(
        _ updates: any UpdateSet,
        extras: [UnsafePointer<Float>] = [],
        rule: String,
        engine: AggregationEngine
    ) throws -> GramMatrix {
        let rowCount = updates.count + extras.count
        var result = GramMatrix(zeros: rowCount)
        let plan = BlockPlan(whole: updates.layout, rowCount: rowCount)
        try run(updates, extras: extras, plan: plan, rule: rule, engine: engine) { _, matrix in result = matrix }
        return result
    }

    /// The Gram matrix of each tensor that has elements, one after the other.
    static func tensors(
        _ updates: any UpdateSet,
        rule: String,
        engine: AggregationEngine,
        body: (_ tensor: Int, _ matrix: GramMatrix) throws -> Void
    ) throws {
        let plan = BlockPlan(tensorsOf: updates.layout, rowCount: updates.count)
        try run(updates, extras: [], plan: plan, rule: rule, engine: engine, body: body)
    }

    private static func run(
        _ updates: any UpdateSet,
        extras: [UnsafePointer<Float>],
        plan: BlockPlan,
        rule: String,
        engine: AggregationEngine,
        body: (_ group: Int, _ matrix: GramMatrix) throws -> Void
    ) throws {
        guard updates.count <= AggregationEngine.maximumGramUpdates else {
            throw AggregationError(
                .tooManyUpdates,
                "\(rule) compares all pairs of updates and takes at most \(AggregationEngine.maximumGramUpdates); "
                    + "it was given \(updates.count): lower the cohort"
            )
        }
        let rows = updates.count + extras.count
        let pass = try BlockPass(
            updates,
            extras: extras,
            plan: plan,
            slotBytes: rows * rows * MemoryLayout<Double>.stride,
            engine: engine
        )
        let scratchCount = (rows + 3) / 4 * 4 * Int(CK_WIDE_CHUNK)
        let scratch = AlignedBuffer<Double>(count: scratchCount * pass.workerCount)
        let partials = AlignedBuffer<Double>(count: rows * rows * pass.slotCount)
        var total = GramMatrix(zeros: rows)
        try pass.run(
            compute: { pointers, block, worker, slot in
                let partial = partials.slice(slot * rows * rows, rows * rows)
                partial.initialize(repeating: 0)
                ck_gram(
                    partial.baseAddress,
                    pointers.baseAddress,
                    rows,
                    block.range.count,
                    scratch.base + worker * scratchCount
                )
            },
            consume: { block, slot in
                total.addLowerTriangle(UnsafeBufferPointer(partials.slice(slot * rows * rows, rows * rows)))
                guard block.isLastOfGroup else { return }
                total.mirrorLowerTriangle()
                if let index = total.firstNotFinite {
                    throw AggregationError.notFinite(rule: rule, update: index < updates.count ? index : nil)
                }
                try body(block.group, total)
                total = GramMatrix(zeros: rows)
            }
        )
    }
}

extension AggregationError {
    /// Updates are screened before they reach a rule; this one was not.
    static func notFinite(rule: String, update: Int?) -> AggregationError {
        let subject = update.map { "update \($0)" } ?? "an update"
        return AggregationError(
            .notFinite,
            "\(subject) given to \(rule) has a value that is infinite or not a number: leave it out"
        )
    }
}
