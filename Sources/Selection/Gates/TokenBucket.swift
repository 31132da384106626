// SPDX-License-Identifier: Apache-2.0

/// Bounds a rate and lets bursts through: a bucket that fills steadily and out of which every use takes.
///
/// Over any span of t seconds at most `capacity + perSecond * t` tokens are taken. A clock that jumps adds at most a
/// full bucket at each jump: a step backwards fills nothing and is the new start, a step forwards fills to the brim and
/// no further.
public struct TokenBucket: Sendable, Hashable {
    /// How large the bucket is, and how fast it fills.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The tokens of a full bucket: the largest burst, 0 or more.
        public var capacity: Double
        /// The tokens that come in a second, 0 or more.
        public var perSecond: Double

        /// Creates a configuration.
        public init(capacity: Double, perSecond: Double) {
            self.capacity = capacity
            self.perSecond = perSecond
        }
    }

    /// The configuration.
    public let configuration: Configuration
    /// The tokens in the bucket at the last reading of the clock.
    public private(set) var level: Double
    private var last: Double?

    /// Creates a full bucket.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter` for numbers that are negative or not finite.
    public init(_ configuration: Configuration) throws {
        guard configuration.capacity.isFinite, configuration.capacity >= 0, configuration.perSecond.isFinite,
            configuration.perSecond >= 0
        else {
            throw SelectionError(
                .invalidParameter,
                "a bucket's capacity (\(configuration.capacity)) and rate (\(configuration.perSecond)) are finite "
                    + "numbers of 0 or more"
            )
        }
        self.configuration = configuration
        level = configuration.capacity
    }

    /// Takes `tokens` where there are as many, all or none.
    ///
    /// - Parameters:
    ///   - tokens: a finite number of 0 or more; any other is never there.
    ///   - seconds: a reading of the clock, from any start; one that is not finite counts as no time.
    public mutating func take(_ tokens: Double, at seconds: Double) -> Bool {
        fill(at: seconds)
        guard tokens >= 0, tokens <= level else { return false }
        level -= tokens
        return true
    }

    /// Whether `tokens` are there.
    public mutating func has(_ tokens: Double, at seconds: Double) -> Bool {
        fill(at: seconds)
        return tokens >= 0 && tokens <= level
    }

    private mutating func fill(at seconds: Double) {
        guard seconds.isFinite else { return }
        if let last, seconds > last {
            // Readings may lie so far apart that their difference overflows; nothing then still gains nothing.
            let gain = configuration.perSecond > 0 ? (seconds - last) * configuration.perSecond : 0
            level = min(level + gain, configuration.capacity)
        }
        last = seconds
    }
}
