// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import UpdateCoding

/// The streaming engine, and the Gram engine's second pass: a linear combination of the updates.
///
///     aggregate[k] = sum_i c_i * update_i[k]     added in the order of BlockFold, in double precision
///
/// Updates whose coefficient is zero are not read.
struct CombinationPass {
    private let updates: any UpdateSet
    private let plan: BlockPlan
    private let coefficients: [[Double]]
    private let indices: [Int]
    private let rule: String

    /// The same coefficients for all coordinates.
    init(_ updates: any UpdateSet, coefficients: [Double], rule: String) {
        self.init(
            updates,
            plan: BlockPlan(whole: updates.layout, rowCount: updates.count),
            coefficients: [coefficients],
            rule: rule
        )
    }

    /// Coefficients for each tensor.
    init(_ updates: any UpdateSet, tensorCoefficients: [[Double]], rule: String) {
        self.init(
            updates,
            plan: BlockPlan(tensorsOf: updates.layout, rowCount: updates.count),
            coefficients: tensorCoefficients,
            rule: rule
        )
    }

    private init(_ updates: any UpdateSet, plan: BlockPlan, coefficients: [[Double]], rule: String) {
        precondition(coefficients.count == plan.groupCount, "one list of coefficients for each group of coordinates")
        precondition(coefficients.allSatisfy { $0.count == updates.count }, "one coefficient for each update")
        let indices = (0..<updates.count).filter { index in coefficients.contains { $0[index] != 0 } }
        self.updates = updates
        self.plan = plan
        self.indices = indices
        self.coefficients = coefficients.map { group in indices.map { group[$0] } }
        self.rule = rule
    }

    /// Runs the pass.
    ///
    /// - Parameters:
    ///   - extra: one more vector with its coefficient, added last.
    ///   - engine: the threads.
    ///   - sink: takes the combination.
    /// - Throws: ``AggregationError`` with code `notFinite` where the combination is not finite.
    func run(
        extra: (vector: UnsafePointer<Float>, coefficient: Double)? = nil,
        engine: AggregationEngine,
        sink: AggregateSink
    ) throws {
        if updates is any RandomAccessUpdateSet {
            try runInParallel(extra: extra, engine: engine, sink: sink)
        } else {
            try runForward(extra: extra, engine: engine, sink: sink)
        }
    }

    private func runInParallel(
        extra: (vector: UnsafePointer<Float>, coefficient: Double)?,
        engine: AggregationEngine,
        sink: AggregateSink
    ) throws {
        let extras = extra.map { [$0.vector] } ?? []
        let weights = coefficients.map { group in extra.map { group + [$0.coefficient] } ?? group }
        let capacity = (plan.maximumBlockElements + 7) / 8 * 8
        let pass = try BlockPass(
            updates,
            indices: indices,
            extras: extras,
            plan: plan,
            slotBytes: capacity * MemoryLayout<Double>.stride,
            engine: engine
        )
        let output = AlignedBuffer<Double>(count: capacity * pass.slotCount)
        try pass.run(
            compute: { rows, block, _, slot in
                let values = output.slice(slot * capacity, block.range.count)
                ck_combine(values.baseAddress, rows.baseAddress, weights[block.group], rows.count, values.count)
                try check(UnsafeBufferPointer(values))
            },
            consume: { block, slot in
                try sink(block.range.lowerBound, UnsafeBufferPointer(output.slice(slot * capacity, block.range.count)))
            }
        )
    }

    /// Decodes block after block: a few blocks of floats and one of doubles, whatever the number of updates.
    private func runForward(
        extra: (vector: UnsafePointer<Float>, coefficient: Double)?,
        engine: AggregationEngine,
        sink: AggregateSink
    ) throws {
        let decoders = try indices.map { try updates.makeDecoder(at: $0) }
        let pass = TeamCombination(
            decoders: decoders,
            blocks: plan.blocks,
            coefficients: coefficients,
            maximumBlockElements: plan.maximumBlockElements,
            threadCount: plan.blocks.count > 1 ? max(min(engine.threadCount, decoders.count), 1) : 1
        )
        try withoutActuallyEscaping(sink) { sink in
            try pass.run(extra: extra) { block, sum in
                try check(UnsafeBufferPointer(sum))
                try sink(block.range.lowerBound, UnsafeBufferPointer(sum))
            }
        }
        for decoder in decoders { try decoder.finish() }
    }

    private func check(_ values: UnsafeBufferPointer<Double>) throws {
        guard ck_all_finite_double(values.baseAddress, values.count) != 0 else {
            throw AggregationError.notFinite(rule: rule, update: nil)
        }
    }
}
