// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Eigenvalues and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan, section
/// 8.5).
struct SymmetricEigen {
    /// The eigenvalues, largest first.
    let values: [Double]
    /// For each eigenvalue a unit eigenvector.
    let vectors: [[Double]]

    /// The most sweeps over all pairs; convergence is quadratic, and ten are enough for hundreds of rows.
    private static let maximumSweeps = 60

    /// Decomposes `matrix`, `count * count` finite values row by row; only its symmetric part counts.
    init(_ matrix: [Double], count: Int) {
        precondition(matrix.count == count * count, "a square matrix was expected")
        var a = matrix
        var v = [Double](repeating: 0, count: count * count)
        for index in 0..<count { v[index * count + index] = 1 }
        a.withUnsafeMutableBufferPointer { a in
            v.withUnsafeMutableBufferPointer { v in Self.diagonalize(a, vectors: v, count: count) }
        }
        let diagonal = (0..<count).map { a[$0 * count + $0] }
        let order = (0..<count).sorted { (diagonal[$1], $0) < (diagonal[$0], $1) }
        values = order.map { diagonal[$0] }
        vectors = order.map { Array(v[($0 * count)..<(($0 + 1) * count)]) }
    }

    private static func diagonalize(
        _ a: UnsafeMutableBufferPointer<Double>,
        vectors v: UnsafeMutableBufferPointer<Double>,
        count: Int
    ) {
        for _ in 0..<maximumSweeps {
            var rotated = false
            for p in 0..<count {
                for q in (p + 1)..<max(count, p + 1) {
                    let off = a[p * count + q]
                    // Below this the rotation changes neither diagonal element.
                    guard abs(off) > 0x1p-54 * (abs(a[p * count + p] * a[q * count + q])).squareRoot() else {
                        continue
                    }
                    guard abs(off) > .leastNormalMagnitude else { continue }
                    rotated = true
                    rotate(a, v, count, p, q)
                }
            }
            if !rotated { return }
        }
    }

    /// Zeroes the element (p, q) by a rotation in that plane; the rows of `v` become the eigenvectors.
    private static func rotate(
        _ a: UnsafeMutableBufferPointer<Double>,
        _ v: UnsafeMutableBufferPointer<Double>,
        _ count: Int,
        _ p: Int,
        _ q: Int
    ) {
        let (rowP, rowQ) = (p * count, q * count)
        let (app, aqq, apq) = (a[rowP + p], a[rowQ + q], a[rowP + q])
        let theta = (aqq - app) / (2 * apq)
        let t =
            theta.isFinite
            ? (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot()) : apq / (aqq - app)
        let cosine = 1 / (t * t + 1).squareRoot()
        let sine = t * cosine
        for k in 0..<count where k != p && k != q {
            let (x, y) = (a[rowP + k], a[rowQ + k])
            let (newX, newY) = (cosine * x - sine * y, sine * x + cosine * y)
            a[rowP + k] = newX
            a[rowQ + k] = newY
            a[k * count + p] = newX
            a[k * count + q] = newY
        }
        a[rowP + p] = app - t * apq
        a[rowQ + q] = aqq + t * apq
        a[rowP + q] = 0
        a[rowQ + p] = 0
        for k in 0..<count {
            let (x, y) = (v[rowP + k], v[rowQ + k])
            v[rowP + k] = cosine * x - sine * y
            v[rowQ + k] = sine * x + cosine * y
        }
    }
}
