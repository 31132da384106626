// SPDX-License-Identifier: Apache-2.0

/// Tells when a stream's scores rise: a fast and a slow exponential average with hysteresis.
///
/// With averages F and S of the scores, weights f and s of a new score, and V the slow average of `(u - S)^2`, a still
/// stream's F scatters around S with deviation `sqrt(V f / (2 - f))`. The gap
///
///     g = (F - S) / sqrt(V f / (2 - f))
///
/// opens the detector above `openAbove` and closes it below `closeBelow`. Measured so, in deviations, the same settings
/// serve scores of any scale and sign (entropies, energies). While few scores are known both averages are plain means.
public struct DriftDetector: Sendable, Hashable {
    /// How fast the detector follows, and when it opens and closes.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The weight of a new score in the fast average, above ``slowWeight``, at most 1.
        public var fastWeight: Double
        /// The weight of a new score in the slow average, above 0.
        public var slowWeight: Double
        /// The gap, in deviations, above which the detector opens.
        public var openAbove: Double
        /// The gap, in deviations, below which it closes, at most ``openAbove``.
        public var closeBelow: Double
        /// The scores that are only averaged before it may open.
        public var warmUp: Int

        /// Creates a configuration.
        public init(
            fastWeight: Double = 0.05,
            slowWeight: Double = 0.002,
            openAbove: Double = 4,
            closeBelow: Double = 1,
            warmUp: Int = 200
        ) {
            self.fastWeight = fastWeight
            self.slowWeight = slowWeight
            self.openAbove = openAbove
            self.closeBelow = closeBelow
            self.warmUp = warmUp
        }
    }

    /// The configuration.
    public let configuration: Configuration
    /// Whether drift is on.
    public private(set) var isOpen = false
    /// How often drift began.
    public private(set) var openings = 0
    /// The fast average.
    public private(set) var fast = 0.0
    /// The slow average.
    public private(set) var slow = 0.0
    private var variance = 0.0
    private var count = 0

    /// Creates a detector that is closed.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(_ configuration: Configuration = Configuration()) throws {
        let (fast, slow) = (configuration.fastWeight, configuration.slowWeight)
        guard slow > 0, slow < fast, fast <= 1 else {
            throw SelectionError(
                .invalidParameter,
                "a drift detector needs 0 < slow weight < fast weight <= 1, not \(slow) and \(fast)"
            )
        }
        guard configuration.openAbove.isFinite, configuration.closeBelow <= configuration.openAbove,
            configuration.closeBelow.isFinite, configuration.warmUp >= 0
        else {
            throw SelectionError(
                .invalidParameter,
                "a drift detector closes at a gap (\(configuration.closeBelow)) of at most that at which it opens "
                    + "(\(configuration.openAbove)), after a warm-up of 0 or more scores"
            )
        }
        self.configuration = configuration
    }

    /// The gap between the averages in deviations; 0 while nothing has scattered yet.
    public var gap: Double {
        let weight = configuration.fastWeight
        let deviation = (variance * weight / (2 - weight)).squareRoot()
        return deviation > 0 ? (fast - slow) / deviation : 0
    }

    /// Takes in a score and says whether drift is on; a score that is not finite changes nothing.
    ///
    /// Scores past 1e150 in
    /// magnitude count as 1e150, so that no square overflows.
    @discardableResult
    public mutating func add(_ score: Double) -> Bool {
        guard score.isFinite else { return isOpen }
        let score = min(max(score, -1e150), 1e150)
        count = min(count + 1, 1 << 60)
        let mean = 1 / Double(count)
        let surprise = score - slow
        slow += max(configuration.slowWeight, mean) * surprise
        fast += max(configuration.fastWeight, mean) * (score - fast)
        if count > 1 {
            // The first score says nothing about the scatter.
            let weight = max(configuration.slowWeight, 1 / Double(count - 1))
            variance += weight * (surprise * surprise - variance)
        }
        if isOpen {
            if gap < configuration.closeBelow { isOpen = false }
        } else if count > configuration.warmUp, gap > configuration.openAbove {
            isOpen = true
            openings += 1
        }
        return isOpen
    }
}
