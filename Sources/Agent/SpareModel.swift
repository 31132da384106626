// SPDX-License-Identifier: Apache-2.0

import EventLoop
import ModelState

/// Passes the memory of a replaced model on to the next one: from the training thread to the loop.
final class SpareModel: @unchecked Sendable {
    // Sendable: the vector is used under the lock only.
    private let lock = Lock()
    private var vector: ParameterVector?

    /// Memory of this length with any contents.
    func take(count: Int) -> ParameterVector {
        let kept = lock.withLock { () -> ParameterVector? in
            defer { vector = nil }
            return vector
        }
        if let kept, kept.count == count { return kept }
        return ParameterVector(zeros: count)
    }

    /// Keeps the memory of a model that is not used any more.
    func give(_ model: ParameterVector) {
        lock.withLock { vector = model }
    }
}
