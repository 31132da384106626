// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How far unlabelled samples are pushed to be sure, by the class that they are taken for (FedoSSL's
/// uncertainty-aware suppressed loss).
///
///     weight_c = base ^ (1 - N_c / N_max)
///
/// Classes that few clients have (globally unseen ones) get about `base`; those that many have get 1, so that training
/// does not run after frequent classes at the cost of rare ones.
public struct SuppressedConfidence: Sendable, Hashable {
    /// The weight of a class that nothing was taken for, above 0, at most 1.
    public let base: Float

    /// Creates the weighting.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(base: Float = 0.2) throws {
        guard base > 0, base <= 1 else {
            throw AdaptationError(.invalidParameter, "a suppression's base lies above 0, at most 1; it is \(base)")
        }
        self.base = base
    }

    /// The weights by class, from how many samples were taken for each.
    public func weights(counts: [Double]) -> [Float] {
        let largest = counts.max() ?? 0
        return counts.map { count in
            largest > 0 ? Glibc.powf(base, 1 - Float(max(count, 0) / largest)) : base
        }
    }
}
