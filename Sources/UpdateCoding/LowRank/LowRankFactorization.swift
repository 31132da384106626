// SPDX-License-Identifier: Apache-2.0

/// The factors P (rows x rank) and Q (columns x rank) of one matrix, both row-major.
///
/// Sums are in double precision and fixed order, so that every CPU gets the same factors.
struct LowRankFactorization {
    let rows: Int
    let columns: Int
    let rank: Int
    var left: [Float]
    var right: [Float]

    init(rows: Int, columns: Int, rank: Int) {
        self.rows = rows
        self.columns = columns
        self.rank = rank
        left = [Float](repeating: 0, count: rows * rank)
        right = [Float](repeating: 0, count: columns * rank)
    }

    /// P = orth(M Q), Q = M^T P.
    mutating func iterate(_ matrix: UnsafeBufferPointer<Float>) {
        // The smaller factor's rows are walked once for each row of M, which is read in order.
        var product = [Double](repeating: 0, count: rows * rank)
        for row in 0..<rows {
            for column in 0..<columns {
                let value = Double(matrix[row * columns + column])
                for factor in 0..<rank { product[row * rank + factor] += value * Double(right[column * rank + factor]) }
            }
        }
        orthonormalize(&product)
        left = product.map { Float($0) }
        var next = [Double](repeating: 0, count: columns * rank)
        for row in 0..<rows {
            for column in 0..<columns {
                let value = Double(matrix[row * columns + column])
                for factor in 0..<rank { next[column * rank + factor] += value * Double(left[row * rank + factor]) }
            }
        }
        right = next.map { Float($0) }
    }

    /// Gram and Schmidt, each column against those before it, twice; a column that vanishes becomes zero.
    private func orthonormalize(_ product: inout [Double]) {
        for column in 0..<rank {
            let before = norm(product, column)
            for _ in 0..<2 {
                for earlier in 0..<column {
                    var inner = 0.0
                    for row in 0..<rows { inner += product[row * rank + column] * product[row * rank + earlier] }
                    for row in 0..<rows { product[row * rank + column] -= inner * product[row * rank + earlier] }
                }
            }
            let length = norm(product, column)
            let inverse = length > before * 1e-9 && length > 0 ? 1 / length : 0
            for row in 0..<rows { product[row * rank + column] *= inverse }
        }
    }

    private func norm(_ product: [Double], _ column: Int) -> Double {
        var sum = 0.0
        for row in 0..<rows { sum += product[row * rank + column] * product[row * rank + column] }
        return sum.squareRoot()
    }
}
