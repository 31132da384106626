// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Adam's state for one vector (Kingma, Ba 2015, algorithm 1).
///
///     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8)
public struct AdamStep: Sendable {
    private static let (first, second): (Float, Float) = (0.9, 0.99)
    private var mean: [Float]
    private var square: [Float]
    private var steps = 0

    /// Creates the state of `count` values that did not step yet.
    public init(count: Int) {
        mean = [Float](repeating: 0, count: count)
        square = mean
    }

    /// Makes a step with a gradient.
    ///
    /// - Precondition: as many values as the state has.
    public mutating func step(_ values: inout [Float], gradient: [Float], rate: Float) {
        precondition(values.count == mean.count && gradient.count == mean.count, "a step has its vector's size")
        steps += 1
        let correction = 1 - Glibc.powf(Self.first, Float(steps))
        let squareCorrection = 1 - Glibc.powf(Self.second, Float(steps))
        for index in values.indices {
            mean[index] += (1 - Self.first) * (gradient[index] - mean[index])
            square[index] += (1 - Self.second) * (gradient[index] * gradient[index] - square[index])
            let size = (square[index] / squareCorrection).squareRoot() + 1e-8
            values[index] -= rate * mean[index] / correction / size
        }
    }
}
