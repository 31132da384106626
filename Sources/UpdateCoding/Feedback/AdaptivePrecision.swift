// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Raises or lowers the rate between rounds, so that coding noise stays a fixed share of what the mean update says.
///
/// With n updates of coherence rho = |mean|^2 / mean |update|^2 and an unbiased codec of relative error eps, the noise
/// in the mean over its own square is eps / (n rho). The rate moves by half the logarithm of its distance from
/// `tolerance`, since a bit divides eps by four; at most half a bit a round, as rho is an estimate.
public struct AdaptivePrecision: Sendable, Codable, Equatable {
    /// What the rate keeps to.
    public struct Bounds: Sendable, Codable, Hashable {
        /// The lowest rate, bits a coordinate.
        public var minimumBits: Double
        /// The highest rate.
        public var maximumBits: Double
        /// The wanted ratio of noise to mean, in squares.
        public var tolerance: Double
        /// The updates that a round averages.
        public var updateCount: Int

        /// Creates bounds.
        ///
        /// - Precondition: 0 < minimum <= maximum, a positive tolerance, at least one update.
        public init(minimumBits: Double, maximumBits: Double, tolerance: Double, updateCount: Int) {
            precondition(minimumBits > 0, "rates are positive")
            precondition(tolerance > 0, "a tolerance must be positive")
            precondition(updateCount > 0, "a mean is of at least one update")
            self.minimumBits = minimumBits
            self.maximumBits = maximumBits
            self.tolerance = tolerance
            self.updateCount = updateCount
        }

        /// As in specifications: `minimum=0.5,maximum=6,tolerance=0.1,updates=10`.
        var text: String {
            "minimum=\(NumberText.text(minimumBits)),maximum=\(NumberText.text(maximumBits)),"
                + "tolerance=\(NumberText.text(tolerance)),updates=\(updateCount)"
        }
    }

    /// What the rate keeps to.
    public let bounds: Bounds
    /// The rate for the next round, in steps of 1/16 bit.
    public private(set) var bits: Double

    /// Creates the control at a starting rate, which is moved into the bounds.
    ///
    /// - Precondition: minimum <= maximum.
    public init(bounds: Bounds, startBits: Double) {
        precondition(bounds.minimumBits <= bounds.maximumBits, "rates must be in order")
        self.bounds = bounds
        bits = min(max(startBits, bounds.minimumBits), bounds.maximumBits)
    }

    /// Takes a finished round into account.
    ///
    /// - Parameters:
    ///   - error: the relative squared error of one coded update (vNMSE).
    ///   - coherence: |mean|^2 / mean |update|^2, in (0, 1]; the coding noise, error / n, is taken
    ///     off it.
    public mutating func observe(error: Double, coherence: Double) {
        observe(error: error, signal: coherence - error / Double(bounds.updateCount))
    }

    /// Takes a finished round into account whose coherence was measured without coding noise.
    mutating func observe(error: Double, signal: Double) {
        guard error > 0, signal.isFinite else { return }
        let noise = error / Double(bounds.updateCount)
        let change = log2(noise / max(signal, noise / 100) / bounds.tolerance) / 2
        let moved = bits + min(max(change, -0.5), 0.5)
        bits = (min(max(moved, bounds.minimumBits), bounds.maximumBits) * 16).rounded() / 16
    }
}
