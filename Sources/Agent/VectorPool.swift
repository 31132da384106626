// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds

/// Passes the memory of updates that the outbox let go on to later ones: fresh memory costs more than filling it.
struct VectorPool {
    private var free: [ParameterVector] = []
    private var lent: [UpdateKey: ParameterVector] = [:]
    private static let limit = 2

    /// A vector of this length, with any contents.
    mutating func take(count: Int) -> ParameterVector {
        if let index = free.firstIndex(where: { $0.count == count }) { return free.remove(at: index) }
        return ParameterVector(zeros: count)
    }

    /// Remembers whose update a vector holds.
    mutating func lend(_ vector: ParameterVector, to key: UpdateKey) {
        lent[key] = vector
    }

    /// The update is gone.
    mutating func giveBack(_ key: UpdateKey) {
        guard let vector = lent.removeValue(forKey: key) else { return }
        if free.count < Self.limit, free.allSatisfy({ $0.count == vector.count }) { free.append(vector) }
    }
}
