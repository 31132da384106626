// SPDX-License-Identifier: Apache-2.0

extension SymmetricEigen {
    /// The largest eigenvalue alone, for rules that compare very many matrices: reduction to tridiagonal form by
    /// Householder reflections, then bisection with Sturm counts (Golub and Van Loan, sections 8.3.1 and 8.4.1).
    ///
    /// - Parameter matrix: `count * count` finite values row by row, symmetric; destroyed.
    static func largestValue(_ matrix: inout [Double], count: Int) -> Double {
        guard count > 1 else { return matrix.first ?? 0 }
        var diagonal = [Double](repeating: 0, count: count)
        var squares = [Double](repeating: 0, count: count)
        matrix.withUnsafeMutableBufferPointer { tridiagonalize($0, count, &diagonal, &squares) }
        // Gershgorin: every eigenvalue is within a radius of a diagonal element.
        var (low, high) = (-Double.infinity, -Double.infinity)
        for index in 0..<count {
            let before = squares[index].squareRoot()
            let after = index + 1 < count ? squares[index + 1].squareRoot() : 0
            low = max(low, diagonal[index])
            high = max(high, diagonal[index] + before + after)
        }
        while true {
            let middle = low + (high - low) * 0.5
            guard middle > low, middle < high else { return high }
            if isAboveAll(middle, diagonal, squares) { high = middle } else { low = middle }
        }
    }

    /// Whether no eigenvalue exceeds `bound`: all pivots of `T - bound` are negative.
    private static func isAboveAll(_ bound: Double, _ diagonal: [Double], _ squares: [Double]) -> Bool {
        var pivot = diagonal[0] - bound
        guard pivot < 0 else { return false }
        for index in 1..<diagonal.count {
            pivot = diagonal[index] - bound - squares[index] / pivot
            guard pivot < 0 else { return false }
        }
        return true
    }

    /// Reduces to a tridiagonal matrix with this diagonal; `squares[i]` is the square of the element beside positions
    /// i-1, i.
    private static func tridiagonalize(
        _ a: UnsafeMutableBufferPointer<Double>,
        _ count: Int,
        _ diagonal: inout [Double],
        _ squares: inout [Double]
    ) {
        var (v, w) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
        for k in 0..<(count - 1) {
            diagonal[k] = a[k * count + k]
            var squaredNorm = 0.0
            for i in (k + 1)..<count { squaredNorm += a[k * count + i] * a[k * count + i] }
            squares[k + 1] = squaredNorm
            let first = a[k * count + k + 1]
            guard k < count - 2, squaredNorm > first * first else { continue }
            // Reflects column k onto a multiple of the unit vector: v = x + sign(x_0) |x| e_0.
            let norm = squaredNorm.squareRoot()
            for i in (k + 1)..<count { v[i] = a[k * count + i] }
            v[k + 1] += first >= 0 ? norm : -norm
            let scale = 2 / (squaredNorm - first * first + v[k + 1] * v[k + 1])
            var dot = 0.0
            for i in (k + 1)..<count {
                var sum = 0.0
                for j in (k + 1)..<count { sum += a[i * count + j] * v[j] }
                w[i] = scale * sum
                dot += w[i] * v[i]
            }
            for i in (k + 1)..<count { w[i] -= 0.5 * scale * dot * v[i] }
            for i in (k + 1)..<count {
                for j in (k + 1)..<count { a[i * count + j] -= v[i] * w[j] + w[i] * v[j] }
            }
        }
        diagonal[count - 1] = a[count * count - 1]
    }
}
