// SPDX-License-Identifier: Apache-2.0

/// The inner products of some vectors with each other, in double precision.
///
/// Everything that distances and norms can tell about the vectors, and about their linear combinations, follows from
/// it.
public struct GramMatrix: Equatable, Sendable {
    /// The number of vectors.
    public let count: Int
    /// `count * count` inner products, row by row; symmetric.
    public internal(set) var values: [Double]

    /// Creates a matrix from its entries, row by row.
    ///
    /// - Precondition: `count * count` values.
    public init(count: Int, values: [Double]) {
        precondition(values.count == count * count, "a Gram matrix of \(count) vectors has \(count * count) entries")
        self.count = count
        self.values = values
    }

    /// The matrix of vectors that are all zero.
    init(zeros count: Int) {
        self.init(count: count, values: [Double](repeating: 0, count: count * count))
    }

    /// The inner product of two of the vectors.
    public subscript(row: Int, column: Int) -> Double { values[row * count + column] }

    /// The squared Euclidean norm of a vector.
    public func squaredNorm(_ index: Int) -> Double { values[index * count + index] }

    /// The squared Euclidean distance of two vectors: `|x|^2 + |y|^2 - 2 <x, y>`, never negative.
    ///
    /// Its relative error is about 1e-16 times `(|x|^2 + |y|^2) / |x - y|^2`; equal vectors have exactly distance 0.
    public func squaredDistance(_ left: Int, _ right: Int) -> Double {
        max(0, squaredNorm(left) + squaredNorm(right) - 2 * self[left, right])
    }

    /// The squared distance of a vector to the combination `sum_j coefficients[j] x_j`, never negative.
    func squaredDistance(_ index: Int, toCombination product: [Double], squaredNorm: Double) -> Double {
        max(0, self.squaredNorm(index) - 2 * product[index] + squaredNorm)
    }

    /// The inner products of every vector with the combination `sum_j coefficients[j] x_j`.
    func multiplied(by coefficients: [Double]) -> [Double] {
        precondition(coefficients.count == count, "one coefficient for each vector")
        var product = [Double](repeating: 0, count: count)
        for row in 0..<count {
            var sum = 0.0
            for column in 0..<count { sum += values[row * count + column] * coefficients[column] }
            product[row] = sum
        }
        return product
    }

    /// The squared norm of the combination `sum_j coefficients[j] x_j`, never negative.
    func squaredNorm(ofCombination coefficients: [Double]) -> Double {
        max(0, zip(multiplied(by: coefficients), coefficients).reduce(0) { $0 + $1.0 * $1.1 })
    }

    /// The Gram matrix `P G P^T` of the vectors that a linear map makes of these.
    func transformed(by mixing: Mixing) -> GramMatrix {
        precondition(mixing.columnCount == count, "a mixing of \(mixing.columnCount) vectors applied to \(count)")
        let half = mixing.rows.map { row in
            (0..<count).map { column in row.reduce(0.0) { $0 + $1.weight * values[$1.column * count + column] } }
        }
        var result = GramMatrix(zeros: mixing.rowCount)
        for (i, products) in half.enumerated() {
            for (j, row) in mixing.rows.enumerated() {
                result.values[i * result.count + j] = row.reduce(0.0) { $0 + $1.weight * products[$1.column] }
            }
        }
        return result
    }

    /// The `count` nearest vectors to `pivot`, itself included, nearest first; of equally near ones the earlier first.
    func nearest(to pivot: Int, count keep: Int) -> [Int] {
        let distances = (0..<count).map { $0 == pivot ? -1 : squaredDistance($0, pivot) }
        let order = (0..<count).sorted { (distances[$0], $0) < (distances[$1], $1) }
        return Array(order.prefix(keep))
    }

    /// The first vector with an element that is infinite or not a number, which shows in its norm.
    var firstNotFinite: Int? {
        (0..<count).first { !squaredNorm($0).isFinite }
    }

    /// Adds the inner products over further coordinates, given as the lower triangle.
    mutating func addLowerTriangle(_ lower: UnsafeBufferPointer<Double>) {
        values.withUnsafeMutableBufferPointer { values in
            for row in 0..<count {
                for column in 0...row { values[row * count + column] += lower[row * count + column] }
            }
        }
    }

    /// Copies the lower triangle to the upper one.
    mutating func mirrorLowerTriangle() {
        for row in 0..<count {
            for column in 0..<row { values[column * count + row] = values[row * count + column] }
        }
    }
}
