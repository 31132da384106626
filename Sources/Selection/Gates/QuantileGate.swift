// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Lets through the samples of a stream whose scores lie in the highest fraction `rate` of the last window.
///
/// Of equal scores at the threshold it lets through the share that keeps the rate. Every score is compared with those
/// before it only, then remembered. The threshold is brought up to date after each eighth more scores while there are
/// few, later four times for every fill of the sketch's lowest level.
public struct QuantileGate: Sendable {
    /// The fraction that passes, 0 to 1.
    public let rate: Double
    /// The scores that are only remembered before the first may pass.
    public let warmUp: Int
    private var stream: StreamingQuantile
    private var threshold: UInt64 = .max
    private var nextRefresh: Int
    private var seen = 0

    /// Creates the gate of an empty stream.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(
        rate: Double,
        warmUp: Int = 64,
        memory: StreamingQuantile.Configuration = StreamingQuantile.Configuration(),
        seed: Seed
    ) throws {
        guard rate >= 0, rate <= 1 else {
            throw SelectionError(.invalidParameter, "a gate's rate is a fraction from 0 to 1, not \(rate)")
        }
        guard (0...1 << 30).contains(warmUp) else {
            throw SelectionError(.invalidParameter, "a gate's warm-up is 0 to \(1 << 30) scores, not \(warmUp)")
        }
        self.rate = rate
        self.warmUp = warmUp
        stream = try StreamingQuantile(memory, seed: seed)
        nextRefresh = max(warmUp, 1)
    }

    /// Whether too few scores were seen to let any pass.
    public var isWarmingUp: Bool { seen < max(warmUp, 1) }

    /// The score that a sample has to reach or exceed to pass; nil while the gate warms up.
    public var thresholdScore: Double? { isWarmingUp ? nil : ScoreKey.score(threshold) }

    /// The memory of past scores.
    public var memory: StreamingQuantile { stream }

    /// Remembers a score and says whether its sample passes; NaN neither passes nor is remembered.
    public mutating func admits(_ score: Double) -> Bool {
        guard !score.isNaN else { return false }
        let key = stream.key(score)
        let passes = !isWarmingUp && rate > 0 && (key > threshold || rate == 1)
        stream.add(key: key)
        seen = min(seen + 1, Int.max - 1)
        if seen >= nextRefresh { refresh() }
        return passes
    }

    private mutating func refresh() {
        threshold = stream.keyQuantile(1 - rate)
        nextRefresh = seen + min(max(seen / 8, 1), max(stream.configuration.sketchSize / 4, 1))
    }
}
