// SPDX-License-Identifier: Apache-2.0

/// The mean of the n - f updates whose covariance has the least top eigenvalue (SMEA; Allouah and others 2023).
///
/// All subsets are tried, in lexicographic order; the first of several best is taken. The eigenvalue is exact, from the
/// inner products; ByzFL takes one random power step. Needs more than `2 * faulty` updates and at most
/// ``maximumSubsets`` subsets. Weights do not count.
public struct SmallestEigenvalueAveraging: GramRule {
    /// The most subsets that are tried: some seconds.
    public static let maximumSubsets = 1 << 20

    /// `smea`.
    public var name: String { "smea" }
    /// The faulty updates that the rule bears: f.
    public let faulty: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(faulty: Int, engine: AggregationEngine = AggregationEngine()) {
        self.faulty = faulty
        self.engine = engine
    }

    /// More than `2 * faulty` updates, and not too many subsets.
    public func check(count: Int) throws {
        try FaultTolerance.check(rule: name, faulty: faulty, count: count)
        var subsets = 1.0
        for index in 0..<faulty { subsets *= Double(count - index) / Double(index + 1) }
        guard subsets <= Double(Self.maximumSubsets) else {
            throw AggregationError(
                .tooManyUpdates,
                "smea with f = \(faulty) of \(count) updates would try over \(Self.maximumSubsets) subsets: use caf"
            )
        }
    }

    /// Equal coefficients for the best subset.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) -> [Double] {
        let keep = gram.count - faulty
        var subset = Array(0..<keep)
        var best = subset
        var least = Double.infinity
        var matrix = [Double](repeating: 0, count: keep * keep)
        repeat {
            Self.fillCentered(&matrix, gram, subset)
            let eigenvalue = SymmetricEigen.largestValue(&matrix, count: keep)
            if eigenvalue < least { (least, best) = (eigenvalue, subset) }
        } while Self.advance(&subset, count: gram.count)
        return meanCoefficients(of: best, count: gram.count)
    }

    /// The inner products of the subset's differences to its mean, whose eigenvalues are those of its scatter matrix.
    private static func fillCentered(_ matrix: inout [Double], _ gram: GramMatrix, _ subset: [Int]) {
        let keep = subset.count
        var means = [Double](repeating: 0, count: keep)
        for (i, row) in subset.enumerated() {
            var sum = 0.0
            for (j, column) in subset.enumerated() {
                let value = gram.values[row * gram.count + column]
                matrix[i * keep + j] = value
                sum += value
            }
            means[i] = sum / Double(keep)
        }
        let mean = means.reduce(0, +) / Double(keep)
        for i in 0..<keep {
            for j in 0..<keep { matrix[i * keep + j] += mean - means[i] - means[j] }
        }
    }

    /// The next subset in lexicographic order; false after the last.
    private static func advance(_ subset: inout [Int], count: Int) -> Bool {
        let size = subset.count
        guard let position = subset.indices.last(where: { subset[$0] < count - size + $0 }) else { return false }
        let first = subset[position] + 1
        for index in position..<size { subset[index] = first + index - position }
        return true
    }
}
