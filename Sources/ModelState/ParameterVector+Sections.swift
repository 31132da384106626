// SPDX-License-Identifier: Apache-2.0

extension ParameterVector {
    /// A copy of some neighbouring elements.
    ///
    /// - Precondition: the range lies within the vector.
    public func section(_ range: Range<Int>) -> ParameterVector {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a section lies within its vector")
        return withElements { ParameterVector(copying: UnsafeBufferPointer(rebasing: $0[range])) }
    }
}
