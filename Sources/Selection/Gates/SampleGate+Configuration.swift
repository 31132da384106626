// SPDX-License-Identifier: Apache-2.0

extension SampleGate {
    /// At most so many bytes in each window of time.
    public struct ByteAllowance: Sendable, Hashable, Codable {
        /// The bytes of a window, 0 or more; 0 sends nothing.
        public var bytes: Int
        /// The length of a window in seconds; a day is 86,400.
        public var windowSeconds: Double

        /// Creates an allowance.
        public init(bytes: Int, windowSeconds: Double = 86_400) {
            self.bytes = bytes
            self.windowSeconds = windowSeconds
        }
    }

    /// What passes a gate.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The fraction of the stream to select, 0 to 1, the reserve included.
        public var rate: Double
        /// The fraction of the selected samples, and of the bytes, that is drawn uniformly from the whole stream, 0 to
        /// 1.
        ///
        /// Without it the accuracy on the stream cannot be estimated without bias, and drift that the score does not
        /// see goes unseen. 0.05 to 0.1 is usual.
        public var reserve: Double
        /// The scores that are only remembered before the first sample is selected for its score.
        public var warmUp: Int
        /// How past scores are remembered.
        public var memory: StreamingQuantile.Configuration
        /// The most bytes in a window of time; nil for no bound.
        public var allowance: ByteAllowance?
        /// The bytes' steady rate and burst; nil for no bound.
        public var byteBucket: TokenBucket.Configuration?
        /// The samples' steady rate and burst at the gate's entrance, against a stream that floods; nil for no bound.
        public var sampleBucket: TokenBucket.Configuration?
        /// The largest sample in bytes; nil for no bound.
        public var maximumSampleBytes: Int?
        /// Selects for the score only while drift is on; nil for always.
        public var drift: DriftDetector.Configuration?
        /// Refuses samples that resemble those just selected for their score; nil for none.
        public var novelty: NoveltyFilter.Configuration?
        /// A step of the clock of more than so many seconds counts as so many, and as a jump.
        public var maximumClockStep: Double

        /// Creates a configuration.
        public init(
            rate: Double = 0.1,
            reserve: Double = 0.1,
            warmUp: Int = 64,
            memory: StreamingQuantile.Configuration = StreamingQuantile.Configuration(),
            allowance: ByteAllowance? = nil,
            byteBucket: TokenBucket.Configuration? = nil,
            sampleBucket: TokenBucket.Configuration? = nil,
            maximumSampleBytes: Int? = nil,
            drift: DriftDetector.Configuration? = nil,
            novelty: NoveltyFilter.Configuration? = nil,
            maximumClockStep: Double = 86_400
        ) {
            self.rate = rate
            self.reserve = reserve
            self.warmUp = warmUp
            self.memory = memory
            self.allowance = allowance
            self.byteBucket = byteBucket
            self.sampleBucket = sampleBucket
            self.maximumSampleBytes = maximumSampleBytes
            self.drift = drift
            self.novelty = novelty
            self.maximumClockStep = maximumClockStep
        }

        /// The spans of time that can be configured, in seconds: sums and quotients of them stay finite.
        static let durations = 1e-6...1e9

        /// Checks the numbers that no part of the gate checks for itself.
        func validate() throws {
            guard (0...1).contains(rate), (0...1).contains(reserve) else {
                throw SelectionError(
                    .invalidParameter,
                    "a gate's rate (\(rate)) and reserve (\(reserve)) are fractions from 0 to 1"
                )
            }
            guard Self.durations.contains(maximumClockStep) else {
                throw SelectionError(
                    .invalidParameter,
                    "a gate's largest clock step lies in \(Self.durations) seconds, it is \(maximumClockStep)"
                )
            }
            if let allowance {
                guard allowance.bytes >= 0, Self.durations.contains(allowance.windowSeconds) else {
                    throw SelectionError(
                        .invalidParameter,
                        "an allowance is 0 or more bytes (\(allowance.bytes)) in \(Self.durations) seconds "
                            + "(\(allowance.windowSeconds))"
                    )
                }
            }
            if let maximumSampleBytes, maximumSampleBytes < 0 {
                throw SelectionError(
                    .invalidParameter,
                    "a sample's largest size is 0 or more, not \(maximumSampleBytes)"
                )
            }
        }
    }
}
