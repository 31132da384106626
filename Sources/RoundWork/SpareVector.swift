// SPDX-License-Identifier: Apache-2.0

package import ModelState

/// Hands a vector's memory from one round to the round after the next.
///
/// A box, because a captured value would count as a second owner and the first write would copy all of it.
package final class SpareVector: @unchecked Sendable {
    // Sendable: passed on from the loop to one piece of work and back, never used by two at a time.
    private var vector: ParameterVector?

    /// Keeps a vector, or nothing.
    package init(_ vector: ParameterVector?) {
        self.vector = vector
    }

    /// The vector's memory with any contents, or fresh memory where it does not fit.
    package func take(count: Int) -> ParameterVector {
        defer { vector = nil }
        if let vector, vector.count == count { return vector }
        return ParameterVector(zeros: count)
    }
}
