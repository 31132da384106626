// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Vectors of one length, row after row.
public struct FeatureVectors: Sendable, Hashable {
    /// The values of all vectors.
    public var values: [Float]
    /// The length of a vector, 1 or more.
    public let width: Int

    /// Creates vectors.
    ///
    /// - Precondition: whole vectors of at least one value.
    public init(_ values: [Float], width: Int) {
        precondition(width >= 1 && values.count % width == 0, "whole vectors")
        self.values = values
        self.width = width
    }

    /// The number of vectors.
    public var count: Int { values.count / width }

    /// One vector.
    public subscript(row: Int) -> ArraySlice<Float> { values[(row * width)..<((row + 1) * width)] }

    /// Vectors of some rows.
    public func picked(_ rows: [Int]) -> FeatureVectors { FeatureVectors(rows.flatMap { self[$0] }, width: width) }

    /// Every vector divided by its Euclidean norm; a vector of zeros stays.
    public var normalized: FeatureVectors {
        var result = self
        for row in 0..<count {
            let norm = self[row].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            guard norm > 0 else { continue }
            for index in (row * width)..<((row + 1) * width) { result.values[index] /= norm }
        }
        return result
    }

    /// All inner products with other vectors, `count` x `other.count`.
    ///
    /// - Precondition: vectors of the same length.
    public func products(_ other: FeatureVectors) -> [Float] {
        precondition(width == other.width, "products are those of vectors of one length")
        var result = [Float](repeating: 0, count: count * other.count)
        values.withUnsafeBufferPointer { mine in
            other.values.withUnsafeBufferPointer { theirs in
                for row in 0..<count {
                    for column in 0..<other.count {
                        var sums = SIMD8<Float>.zero
                        var index = 0
                        while index + 8 <= width {
                            var (left, right) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
                            for lane in 0..<8 {
                                left[lane] = mine[row * width + index + lane]
                                right[lane] = theirs[column * width + index + lane]
                            }
                            sums += left * right
                            index += 8
                        }
                        var sum = sums.sum()
                        while index < width {
                            sum += mine[row * width + index] * theirs[column * width + index]
                            index += 1
                        }
                        result[row * other.count + column] = sum
                    }
                }
            }
        }
        return result
    }
}

/// Rows of `softmax(scale * z)`.
enum RowSoftmax {
    static func apply(_ values: [Float], width: Int, scale: Float) -> [Float] {
        var result = values
        for start in stride(from: 0, to: values.count, by: width) {
            let range = start..<(start + width)
            let top = values[range].max() ?? 0
            var total: Float = 0
            for index in range {
                result[index] = Glibc.expf(scale * (values[index] - top))
                total += result[index]
            }
            for index in range { result[index] /= total }
        }
        return result
    }
}
