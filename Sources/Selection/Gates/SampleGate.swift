// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Decides sample by sample what of a stream is worth sending, within all budgets, in constant memory.
///
/// A sample passes, in this order: its size, the entrance against floods, its score (finite), the draw of the uniform
/// reserve, the quantile of the scores, the drift detector, the novelty filter, the byte budgets. A sample that the
/// reserve drew skips score, drift and novelty. Every finite score that gets past the entrance is remembered, so the
/// threshold follows the whole stream; a clock that jumps and input that makes no sense are bounded and named.
///
///     var gate = try SampleGate(configuration, seed: seed)
///     let decision = gate.offer(score: 1.2, bytes: 784, at: secondsSinceStart)
///     if decision.isSelected { send(sample) } else { count(decision.reason) }
public struct SampleGate: Sendable {
    /// What passes.
    public let configuration: Configuration
    /// The bytes of all samples selected so far.
    public private(set) var selectedBytes = 0
    private var counts = [Int](repeating: 0, count: Reason.allCases.count)
    private var generator: SeededGenerator
    private var quantile: QuantileGate
    private var drift: DriftDetector?
    private var novelty: NoveltyFilter?
    private var window: ByteWindow?
    private var byteBucket: TokenBucket?
    private var sampleBucket: TokenBucket?
    private var clock: ElapsedTime
    private let reserveRate: Double

    /// Creates the gate of an empty stream.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(_ configuration: Configuration = Configuration(), seed: Seed) throws {
        try configuration.validate()
        self.configuration = configuration
        generator = SeededGenerator(seed: seed.deriving("reserve"))
        reserveRate = configuration.rate * configuration.reserve
        // What the reserve does not draw passes by score, so that both together make the rate.
        let scored = reserveRate < 1 ? (configuration.rate - reserveRate) / (1 - reserveRate) : 0
        quantile = try QuantileGate(
            rate: min(max(scored, 0), 1),
            warmUp: configuration.warmUp,
            memory: configuration.memory,
            seed: seed
        )
        drift = try configuration.drift.map { try DriftDetector($0) }
        novelty = try configuration.novelty.map { try NoveltyFilter($0) }
        window = configuration.allowance.map { ByteWindow($0, reserve: configuration.reserve) }
        byteBucket = try configuration.byteBucket.map { try TokenBucket($0) }
        sampleBucket = try configuration.sampleBucket.map { try TokenBucket($0) }
        clock = ElapsedTime(maximumStep: configuration.maximumClockStep)
    }

    /// Decides about the stream's next sample.
    ///
    /// - Parameters:
    ///   - score: larger is more worth sending.
    ///   - bytes: the sample's size on the wire.
    ///   - features: what similarity is judged by; asked for only where a novelty filter needs it.
    ///   - seconds: a reading of a monotonic clock, from any start.
    public mutating func offer(
        score: Double,
        bytes: Int,
        features: @autoclosure () -> [Float]? = nil,
        at seconds: Double
    ) -> Decision {
        let now = clock.advance(to: seconds)
        var isReserve = false
        let reason = decide(score, bytes, features, now, &isReserve)
        counts[Self.position(reason)] += 1
        return Decision(reason: reason, isReserve: isReserve)
    }

    /// How many samples had this outcome.
    public func count(of reason: Reason) -> Int { counts[Self.position(reason)] }

    /// How many samples were offered.
    public var offeredCount: Int { counts.reduce(0, +) }

    /// How many samples were selected.
    public var selectedCount: Int { count(of: .uncertain) + count(of: .reserve) }

    /// How often the clock went backwards, leapt ahead or gave no number.
    public var clockJumps: Int { clock.jumps }

    /// Whether samples are selected for their score now: drift is on, or nobody watches for it.
    public var isUplinkOpen: Bool { drift?.isOpen ?? true }

    /// The score from which samples are selected; nil while the gate warms up.
    public var threshold: Double? { quantile.thresholdScore }

    /// The gate's memory of past scores.
    public var memory: StreamingQuantile { quantile.memory }

    private mutating func decide(
        _ score: Double,
        _ bytes: Int,
        _ features: () -> [Float]?,
        _ now: Double,
        _ isReserve: inout Bool
    ) -> Reason {
        guard bytes >= 0 else { return .invalidSize }
        if let largest = configuration.maximumSampleBytes, bytes > largest { return .sampleTooLarge }
        if sampleBucket?.take(1, at: now) == false { return .flooded }
        guard score.isFinite else { return .scoreNotFinite }
        isReserve = generator.uniform() < reserveRate
        let isWarmingUp = quantile.isWarmingUp
        let isHigh = quantile.admits(score)
        let isOpen = drift?.add(score) ?? true
        var seen: [Float]?
        if !isReserve {
            guard !isWarmingUp else { return .warmingUp }
            guard isHigh else { return .belowThreshold }
            guard isOpen else { return .uplinkClosed }
            if novelty != nil, let given = features() {
                guard NoveltyFilter.isUsable(given) else { return .featuresNotFinite }
                guard novelty?.isNew(given) != false else { return .tooSimilar }
                seen = given
            }
        }
        if window?.hasRoom(for: bytes, isReserve: isReserve, at: now) == false { return .budgetSpent }
        if byteBucket?.take(Double(bytes), at: now) == false { return .byteRateExceeded }
        window?.spend(bytes, isReserve: isReserve)
        if let seen { novelty?.remember(seen) }
        let (sum, overflows) = selectedBytes.addingReportingOverflow(bytes)
        selectedBytes = overflows ? Int.max : sum
        return isReserve ? .reserve : .uncertain
    }

    @inline(__always)
    private static func position(_ reason: Reason) -> Int {
        switch reason {
        case .uncertain: 0
        case .reserve: 1
        case .belowThreshold: 2
        case .warmingUp: 3
        case .scoreNotFinite: 4
        case .featuresNotFinite: 5
        case .tooSimilar: 6
        case .uplinkClosed: 7
        case .budgetSpent: 8
        case .byteRateExceeded: 9
        case .flooded: 10
        case .sampleTooLarge: 11
        case .invalidSize: 12
        }
    }
}
