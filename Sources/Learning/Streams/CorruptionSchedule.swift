// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// What a stream's world is like while it lasts: a corruption in a strength, or none.
public struct StreamEnvironment: Sendable, Hashable, CustomStringConvertible {
    /// The corruption; nil for clean images.
    public let corruption: ImageCorruption?
    /// Its strength, 1 to 5; 0 for clean images.
    public let strength: Int

    /// Clean images.
    public static let clean = StreamEnvironment(corruption: nil, strength: 0)

    private init(corruption: ImageCorruption?, strength: Int) {
        self.corruption = corruption
        self.strength = strength
    }

    /// Images with a corruption.
    ///
    /// - Precondition: a strength of 1 to 5.
    public init(_ corruption: ImageCorruption, strength: Int) {
        precondition(ImageCorruption.strengths.contains(strength), "strengths are 1 to 5")
        self.init(corruption: corruption, strength: strength)
    }

    /// Reads `clean` or `fog:3`.
    ///
    /// - Throws: ``LearningError`` with code `invalidSpecification`.
    public init(parsing text: String) throws {
        guard text != "clean" else {
            self = .clean
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let corruption = try ImageCorruption(parsing: parts.first ?? "")
        guard parts.count == 2, let strength = Int(parts[1]), ImageCorruption.strengths.contains(strength) else {
            throw LearningError(.invalidSpecification, "'\(text.prefix(64))' needs a strength from 1 to 5, like fog:3")
        }
        self.init(corruption, strength: strength)
    }

    /// `clean` or `fog:3`.
    public var description: String { corruption.map { "\($0.rawValue):\(strength)" } ?? "clean" }
}

/// The environments that a stream passes through, one after the other.
///
/// In text: `clean*500,fog:3*1000,jpeg:5*200`.
public struct CorruptionSchedule: Sendable, Hashable, CustomStringConvertible {
    /// One environment, for some samples.
    public struct Phase: Sendable, Hashable {
        /// The environment.
        public let environment: StreamEnvironment
        /// How many samples it lasts, 1 or more.
        public let sampleCount: Int

        /// Creates a phase.
        ///
        /// - Precondition: at least one sample.
        public init(_ environment: StreamEnvironment, sampleCount: Int) {
            precondition(sampleCount >= 1, "a phase has at least one sample")
            self.environment = environment
            self.sampleCount = sampleCount
        }
    }

    /// The longest stream, in samples.
    public static let maximumSamples = 1 << 30

    /// The phases in order.
    public let phases: [Phase]

    /// The samples of all phases.
    public var sampleCount: Int { phases.reduce(0) { $0 + $1.sampleCount } }

    /// Creates a schedule.
    ///
    /// - Throws: ``LearningError`` with code `invalidSpecification` for no phases or more than ``maximumSamples``.
    public init(_ phases: [Phase]) throws {
        var total = 0
        for phase in phases {
            guard phase.sampleCount <= Self.maximumSamples - total else {
                throw LearningError(.invalidSpecification, "a stream has at most \(Self.maximumSamples) samples")
            }
            total += phase.sampleCount
        }
        guard total > 0 else { throw LearningError(.invalidSpecification, "a stream needs at least one phase") }
        self.phases = phases
    }

    /// Goes through corruptions and strengths in an order that the seed draws.
    ///
    /// - Parameters:
    ///   - isGradual: corruptions in random order, each through its strengths as they are given; otherwise all pairs in
    ///     random order.
    /// - Throws: ``LearningError`` with code `invalidSpecification` where there is nothing to go through, or for
    ///   strengths outside 1 to 5.
    public init(
        corruptions: [ImageCorruption] = ImageCorruption.allCases,
        strengths: [Int] = Array(ImageCorruption.strengths),
        samplesPerPhase: Int,
        isGradual: Bool = false,
        seed: Seed
    ) throws {
        guard strengths.allSatisfy(ImageCorruption.strengths.contains), samplesPerPhase >= 1 else {
            throw LearningError(
                .invalidSpecification,
                "a schedule has strengths from 1 to 5 (\(strengths)) and samples in every phase (\(samplesPerPhase))"
            )
        }
        var generator = SeededGenerator(seed: seed.deriving("schedule"))
        var order = corruptions
        if isGradual { generator.shuffle(&order) }
        var phases = order.flatMap { corruption in
            strengths.map {
                Phase(StreamEnvironment(corruption, strength: $0), sampleCount: samplesPerPhase)
            }
        }
        if !isGradual { generator.shuffle(&phases) }
        try self.init(phases)
    }

    /// Reads a schedule from its text.
    ///
    /// - Throws: ``LearningError`` with code `invalidSpecification`.
    public init(parsing text: String) throws {
        let phases = try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let halves = part.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
            guard halves.count == 2, let count = Int(halves[1]), (1...Self.maximumSamples).contains(count) else {
                throw LearningError(
                    .invalidSpecification,
                    "phase '\(part.prefix(64))' must be an environment and its samples, like fog:3*500"
                )
            }
            return Phase(try StreamEnvironment(parsing: halves[0]), sampleCount: count)
        }
        try self.init(phases)
    }

    /// The schedule's text; ``init(parsing:)`` reads it back.
    public var description: String {
        phases.map { "\($0.environment)*\($0.sampleCount)" }.joined(separator: ",")
    }
}
