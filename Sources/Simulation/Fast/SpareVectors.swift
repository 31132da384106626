// SPDX-License-Identifier: Apache-2.0

import EventLoop
import ModelState

/// Vectors of updates that were folded, whose memory the next round's updates take: fresh memory would be cleared page
/// by page before it is overwritten. From any thread.
final class SpareVectors: @unchecked Sendable {
    // Sendable: the vectors are used under the lock only.
    private let lock = Lock()
    private var vectors: [ParameterVector] = []
    /// How many were taken since vectors were kept: no more are.
    private var takenCount = 0

    /// A vector with any contents.
    func take(count: Int) -> ParameterVector {
        let spare = lock.withLock {
            takenCount += 1
            if vectors.last?.count != count { vectors = [] }
            return vectors.popLast()
        }
        return spare ?? ParameterVector(zeros: count)
    }

    /// Takes in vectors that nobody needs any longer.
    func keep(_ vectors: [ParameterVector]) {
        lock.withLock {
            self.vectors += vectors.prefix(takenCount)
            takenCount = 0
        }
    }
}
