// SPDX-License-Identifier: Apache-2.0

/// Names an agent: 1 to 128 characters out of letters, digits, `.`, `_` and `-`.
public struct AgentID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes.
    public static let maximumBytes = 128

    /// The name.
    public let name: String

    /// Checks a name that comes from outside; nil where it cannot name an agent.
    public init?(_ name: String) {
        guard !name.isEmpty, name.utf8.count <= Self.maximumBytes, name.utf8.allSatisfy(Self.isAllowed) else {
            return nil
        }
        self.name = name
    }

    /// Names the virtual agent with the given number of `count`: `agent-007`, so that the order of names is that of
    /// numbers.
    public init(number: Int, of count: Int) {
        precondition(number >= 1 && number <= count, "agents are numbered from 1 to their count")
        let digits = String(number)
        name = "agent-" + String(repeating: "0", count: String(count).count - digits.count) + digits
    }

    /// The number of a virtual agent, from 1; nil for other names.
    public var number: Int? {
        guard name.hasPrefix("agent-") else { return nil }
        return Int(name.dropFirst(6))
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Orders by the bytes of the name: the order in which updates are folded.
    public static func < (left: AgentID, right: AgentID) -> Bool {
        // Names are ASCII, whose characters are in the order of their bytes.
        left.name < right.name
    }

    /// The name.
    public var description: String { name }
}

/// Names a job on one coordinator: `job-1`, `job-2`, ...
public struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The job's number on its coordinator, from 1.
    public let number: UInt64

    /// Names the job with a number.
    public init(_ number: UInt64) {
        self.number = number
    }

    /// Reads `job-7` or `7`.
    public init?(parsing text: String) {
        let digits = text.hasPrefix("job-") ? text.dropFirst(4) : text[...]
        guard let number = UInt64(digits), number > 0 else { return nil }
        self.number = number
    }

    /// Orders by number: the order in which jobs run.
    public static func < (left: JobID, right: JobID) -> Bool { left.number < right.number }

    /// `job-7`.
    public var description: String { "job-\(number)" }
}

/// Numbers the rounds of a job from 1; 0 stands for the initial model.
public struct RoundNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The number.
    public let value: UInt32

    /// Creates a round number.
    public init(_ value: UInt32) {
        self.value = value
    }

    /// The round before the first: the initial model.
    public static let initial = RoundNumber(0)

    /// The round after this one.
    public var next: RoundNumber { RoundNumber(value + 1) }

    /// Orders by number.
    public static func < (left: RoundNumber, right: RoundNumber) -> Bool { left.value < right.value }

    /// The number.
    public var description: String { String(value) }
}

/// Names one connection for as long as the process lives.
public struct ConnectionID: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public let value: UInt64

    /// Creates a name.
    public init(_ value: UInt64) {
        self.value = value
    }

    /// `#12`.
    public var description: String { "#\(value)" }
}

/// Names an update once and for all: offering it twice is acknowledged twice and counted once.
public struct UpdateKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The job.
    public let job: JobID
    /// The round that the update belongs to.
    public let round: RoundNumber
    /// The attempt at that round, from 1; a round that was abandoned is tried again with the next attempt.
    public let attempt: UInt32
    /// The agent that made the update.
    public let agent: AgentID

    /// Creates a key.
    public init(job: JobID, round: RoundNumber, attempt: UInt32, agent: AgentID) {
        self.job = job
        self.round = round
        self.attempt = attempt
        self.agent = agent
    }

    /// Orders by job, round, attempt and agent.
    public static func < (left: UpdateKey, right: UpdateKey) -> Bool {
        if left.job != right.job { return left.job < right.job }
        if left.round != right.round { return left.round < right.round }
        if left.attempt != right.attempt { return left.attempt < right.attempt }
        return left.agent < right.agent
    }

    /// `job-1/round 3.1/agent-2`.
    public var description: String { "\(job)/round \(round).\(attempt)/\(agent)" }
}

/// The digest of a blob's bytes: XXH3 with 128 bits, high half first.
///
/// It finds damage and names contents; it does not protect against somebody who forges bytes on purpose, which is the
/// secure channel's part.
public struct BlobDigest: Hashable, Sendable, CustomStringConvertible {
    /// The high 64 bits.
    public let high: UInt64
    /// The low 64 bits.
    public let low: UInt64

    /// The number of bytes on the wire.
    public static let byteCount = 16

    /// Creates a digest from its halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 32 hexadecimal digits.
    public init?(parsing text: String) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits.
    public var description: String {
        func hex(_ word: UInt64) -> String {
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return hex(high) + hex(low)
    }
}

/// A point in time on the clock of whoever runs the state machine: monotonic in the daemon, virtual in the simulator.
public struct Instant: Hashable, Sendable, Comparable, InstantProtocol {
    /// The time since the clock's arbitrary beginning.
    public let sinceStart: Duration

    /// Creates a point in time.
    public init(_ sinceStart: Duration) {
        self.sinceStart = sinceStart
    }

    /// The clock's beginning.
    public static let start = Instant(.zero)

    /// The point in time that is later by `duration`.
    public func advanced(by duration: Duration) -> Instant { Instant(sinceStart + duration) }

    /// The time from this point to another.
    public func duration(to other: Instant) -> Duration { other.sinceStart - sinceStart }

    /// Orders by time.
    public static func < (left: Instant, right: Instant) -> Bool { left.sinceStart < right.sinceStart }
}
