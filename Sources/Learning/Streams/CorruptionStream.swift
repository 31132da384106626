// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// One sample of a stream: which one of a table, in which environment.
public struct StreamSample: Sendable, Hashable {
    /// The position in the table.
    public let index: Int
    /// The number of the phase, from 0.
    public let phase: Int
    /// The environment.
    public let environment: StreamEnvironment
    /// The randomness of its corruption.
    public let seed: Seed

    /// Creates a sample of a stream that somebody else orders.
    public init(index: Int, phase: Int, environment: StreamEnvironment, seed: Seed) {
        self.index = index
        self.phase = phase
        self.environment = environment
        self.seed = seed
    }
}

/// A stream of samples of a table through changing environments, the same for the same seed.
///
/// Samples come in random order, each once before any comes again.
public struct CorruptionStream: Sequence, IteratorProtocol, Sendable {
    /// The environments.
    public let schedule: CorruptionSchedule
    private let seed: Seed
    private var generator: SeededGenerator
    private var order: [UInt32]
    private var position = 0
    private var phase = 0
    private var inPhase = 0
    private var emitted: UInt64 = 0

    /// Creates a stream over a table of `tableCount` samples.
    ///
    /// - Throws: ``LearningError`` with code `missingData` for an empty table.
    public init(_ schedule: CorruptionSchedule, tableCount: Int, seed: Seed) throws {
        guard (1...Int(UInt32.max)).contains(tableCount) else {
            throw LearningError(.missingData, "a stream needs a table of 1 to \(UInt32.max) samples, not \(tableCount)")
        }
        self.schedule = schedule
        self.seed = seed
        generator = SeededGenerator(seed: seed.deriving("stream-order"))
        order = (0..<tableCount).map { UInt32(truncatingIfNeeded: $0) }
        generator.shuffle(&order)
    }

    /// The next sample; nil at the schedule's end.
    public mutating func next() -> StreamSample? {
        guard phase < schedule.phases.count else { return nil }
        if position == order.count {
            generator.shuffle(&order)
            position = 0
        }
        let sample = StreamSample(
            index: Int(order[position]),
            phase: phase,
            environment: schedule.phases[phase].environment,
            seed: seed.deriving("corruption", emitted)
        )
        position += 1
        emitted += 1
        inPhase += 1
        if inPhase == schedule.phases[phase].sampleCount {
            phase += 1
            inPhase = 0
        }
        return sample
    }
}
