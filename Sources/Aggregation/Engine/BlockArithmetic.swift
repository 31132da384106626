// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Small operations on one block of an aggregate, beside the whole-model vector that it belongs to.
enum BlockArithmetic {
    /// `vector[start + k] = Float(values[k])`.
    static func narrow(
        _ values: UnsafeBufferPointer<Double>,
        into vector: UnsafeMutableBufferPointer<Float>,
        at start: Int
    ) {
        let target = UnsafeMutableBufferPointer(rebasing: vector[start..<(start + values.count)])
        ck_narrow(target.baseAddress, values.baseAddress, values.count)
    }

    /// `sum_k values[k] * vector[start + k]`.
    static func dot(
        _ values: UnsafeBufferPointer<Double>,
        _ vector: UnsafeMutableBufferPointer<Float>,
        at start: Int
    ) -> Double {
        let other = UnsafeMutableBufferPointer(rebasing: vector[start..<(start + values.count)])
        return ck_dot_mixed(values.baseAddress, other.baseAddress, values.count)
    }

    /// `sum_k values[k]^2`.
    static func squaredNorm(_ values: UnsafeBufferPointer<Double>) -> Double {
        ck_squared_norm_double(values.baseAddress, values.count)
    }

    /// Whether some value is not zero.
    static func hasNonzero(_ values: UnsafeBufferPointer<Double>) -> Bool {
        ck_any_nonzero(values.baseAddress, values.count) != 0
    }
}
