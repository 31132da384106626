// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension UnsafeBufferPointer<Float> {
    /// Whether no element is infinite or not a number.
    var isFinite: Bool {
        guard let baseAddress else { return true }
        return ck_all_finite(baseAddress, count) != 0
    }
}
