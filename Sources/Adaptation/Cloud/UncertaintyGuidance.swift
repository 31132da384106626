// SPDX-License-Identifier: Apache-2.0

/// How uncertainty divides the learning between the prompt, which is the environment's own, and the delta, which is
/// closer to what all environments share.
///
/// U-VPA updates its prompt under the guidance of uncertainty without a published formula; this is that of its relative
/// ViDA (Liu and others 2024) with the prompt in the place of the domain-specific adapter:
///
///     U >= threshold: prompt x (1 + U), delta x (1 - U);   U < threshold: the other way round
public struct UncertaintyGuidance: Sendable, Hashable {
    /// The uncertainty from which a batch counts as far from what is known.
    public let threshold: Float

    /// Creates the guidance.
    public init(threshold: Float) { self.threshold = threshold }

    /// The factors of the prompt's and the delta's rates.
    ///
    /// - Parameter uncertainty: the batch's mean, brought to 0 to 1.
    public func factors(uncertainty: Float) -> (prompt: Float, delta: Float) {
        let bounded = uncertainty >= 0 ? min(uncertainty, 1) : 0
        return bounded >= threshold ? (1 + bounded, 1 - bounded) : (1 - bounded, 1 + bounded)
    }
}
