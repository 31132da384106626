// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Raises or lowers the rate between rounds, so that coding noise stays a fixed share of what the mean update says.
///
/// With n updates of coherence rho = |mean|^2 / mean |update|^2 and an unbiased codec of relative error eps, the noise
/// in the mean over its own square is eps / (n rho). The rate moves by half the logarithm of its distance from
/// `tolerance`, since a bit divides eps by four; at most half a bit a round, as rho is an estimate.
public struct AdaptivePrecision: Sendable, Codable, Equatable {
    /// The lowest rate, bits a coordinate.
    public let minimumBits: Double
    /// The highest rate.
    public let maximumBits: Double
    /// The wanted ratio of noise to mean, in squares.
    public let tolerance: Double
    /// The rate for the next round, in steps of 1/16 bit.
    public private(set) var bits: Double

    /// Creates the control at a starting rate.
    ///
    /// - Precondition: 0 < minimum <= start <= maximum, and a positive tolerance.
    public init(minimumBits: Double, maximumBits: Double, startBits: Double, tolerance: Double) {
        precondition(minimumBits > 0 && minimumBits <= startBits && startBits <= maximumBits, "rates must be in order")
        precondition(tolerance > 0, "a tolerance must be positive")
        self.minimumBits = minimumBits
        self.maximumBits = maximumBits
        self.tolerance = tolerance
        bits = startBits
    }

    /// Takes a finished round into account.
    ///
    /// - Parameters:
    ///   - error: the relative squared error of one coded update (vNMSE).
    ///   - updateCount: the updates in the mean.
    ///   - coherence: |mean|^2 / mean |update|^2, in (0, 1]; the coding noise, error / updateCount, is taken off it.
    public mutating func observe(error: Double, updateCount: Int, coherence: Double) {
        guard error > 0, updateCount > 0, coherence.isFinite else { return }
        let noise = error / Double(updateCount)
        let signal = max(coherence - noise, noise / 100)
        let change = log2(noise / signal / tolerance) / 2
        let moved = bits + min(max(change, -0.5), 0.5)
        bits = (min(max(moved, minimumBits), maximumBits) * 16).rounded() / 16
    }
}
