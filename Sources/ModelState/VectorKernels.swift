// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The block kernels that folding uses: double-precision accumulators over blocks that fit the cache.
///
/// All give the same bits on every CPU: sums run in a fixed order and multiply-add is never fused.
public enum VectorKernels {
    /// `accumulator[i] += weight * Double(block[i])`.
    ///
    /// - Precondition: the accumulator is at least as long as the block.
    public static func accumulate(
        _ block: UnsafeBufferPointer<Float>,
        weight: Double,
        into accumulator: UnsafeMutableBufferPointer<Double>
    ) {
        precondition(accumulator.count >= block.count, "the accumulator is shorter than the block")
        guard let to = accumulator.baseAddress, let from = block.baseAddress else { return }
        ck_accumulate(to, from, weight, block.count)
    }

    /// `output[i] = Float(Double(base[i]) + scale * accumulator[i])`; `output` may be `base`.
    ///
    /// - Precondition: all three have the same length.
    public static func apply(
        _ accumulator: UnsafeBufferPointer<Double>,
        scale: Double,
        to base: UnsafeBufferPointer<Float>,
        output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            accumulator.count == base.count && base.count == output.count,
            "the blocks to combine differ in length"
        )
        guard let acc = accumulator.baseAddress, let from = base.baseAddress, let to = output.baseAddress else {
            return
        }
        ck_apply(to, from, acc, scale, base.count)
    }

    /// The squared Euclidean norm of a block.
    public static func squaredNorm(_ block: UnsafeBufferPointer<Float>) -> Double {
        guard let base = block.baseAddress else { return 0 }
        return ck_squared_norm(base, block.count)
    }

    /// The inner product of two blocks of the same length.
    public static func dot(_ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>) -> Double {
        precondition(left.count == right.count, "blocks of different lengths have no inner product")
        guard let a = left.baseAddress, let b = right.baseAddress else { return 0 }
        return ck_dot(a, b, left.count)
    }

    /// Whether no element of the block is infinite or not a number.
    public static func isFinite(_ block: UnsafeBufferPointer<Float>) -> Bool {
        guard let base = block.baseAddress else { return true }
        return ck_all_finite(base, block.count) != 0
    }
}
