// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Follows a quantile of the last scores of a stream in constant memory, with a guaranteed rank error.
///
/// It holds two sketches: that of the window being filled and that of the window before, so it answers for the last one
/// to two windows and has forgotten everything older: drift moves the quantile within a window.
public struct StreamingQuantile: Sendable {
    /// How much is remembered, and how exactly.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The scores of a window, at least 16.
        public var window: Int
        /// The elements of a level of a sketch: even, at least 16; memory grows and the error falls with it.
        public var sketchSize: Int

        /// Creates a configuration.
        public init(window: Int = 65_536, sketchSize: Int = 2_048) {
            self.window = window
            self.sketchSize = sketchSize
        }
    }

    /// How much is remembered.
    public let configuration: Configuration
    private var current: RankSketch
    private var previous: RankSketch
    private var generator: SeededGenerator

    /// Creates the memory of an empty stream.
    ///
    /// - Parameter seed: breaks ties between equal scores.
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(_ configuration: Configuration = Configuration(), seed: Seed) throws {
        let (window, size) = (configuration.window, configuration.sketchSize)
        guard (16...1 << 30).contains(window) else {
            throw SelectionError(.invalidParameter, "a quantile's window is 16 to \(1 << 30) scores, not \(window)")
        }
        guard (16...1 << 20).contains(size), size % 2 == 0 else {
            throw SelectionError(.invalidParameter, "a sketch's size is even, 16 to \(1 << 20), not \(size)")
        }
        self.configuration = configuration
        current = RankSketch(size: size, capacity: window)
        previous = RankSketch(size: size, capacity: window)
        generator = SeededGenerator(seed: seed.deriving("quantile-ties"))
    }

    /// The scores that the quantile speaks for.
    public var count: Int { current.count + previous.count }

    /// The most by which the rank of ``quantile(_:)`` among the remembered scores can be wrong now, as a fraction of
    /// ``count``; 0 for an empty stream.
    ///
    /// Scores are told apart to 28 bits of their fraction.
    public var maximumRankError: Double {
        count > 0 ? Double(current.maximumRankError + previous.maximumRankError) / Double(count) : 0
    }

    /// The numbers kept at most: a constant of the configuration.
    public var memoryCapacity: Int { current.capacity + previous.capacity }

    /// The numbers kept now.
    public var retainedCount: Int { current.retainedCount + previous.retainedCount }

    /// Takes in a score; NaN is left out.
    public mutating func add(_ score: Double) {
        guard !score.isNaN else { return }
        add(key: key(score))
    }

    /// A score with a random tie-breaker.
    @inline(__always)
    mutating func key(_ score: Double) -> UInt64 {
        ScoreKey.key(score, tie: generator.next())
    }

    @inline(__always)
    mutating func add(key: UInt64) {
        if current.count == configuration.window {
            swap(&current, &previous)
            current.removeAll()
        }
        current.insert(key)
    }

    /// The score below or at which a fraction `level` of the remembered scores lies; nil for an empty stream or a level
    /// outside 0 to 1.
    public mutating func quantile(_ level: Double) -> Double? {
        guard count > 0, level >= 0, level <= 1 else { return nil }
        return ScoreKey.score(keyQuantile(level))
    }

    /// The smallest key of which the estimated rank is `level * count` or more, and at least 1.
    mutating func keyQuantile(_ level: Double) -> UInt64 {
        current.sort()
        previous.sort()
        let target = max(Int((level * Double(count)).rounded(.up)), 1)
        var (low, high) = (UInt64.min, UInt64.max)
        while low < high {
            let middle = low + (high - low) / 2
            if current.rank(of: middle) + previous.rank(of: middle) >= target {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
