// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// One line of a device's audit log.
public struct AuditRecord: Sendable, Codable, Equatable {
    /// What happened.
    public enum Event: String, Sendable, Codable {
        /// A sample was given to the outbox, from which it leaves.
        case sent
        /// The coordinator refused a batch for good; it never counted there.
        case refused
        /// The coordinator deleted batches.
        case purged
    }

    /// What happened.
    public var event: Event
    /// When, in seconds since 1970 by the device's clock.
    public var time: Int64
    /// The job's number.
    public var job: UInt64
    /// The job's name.
    public var name: String?
    /// The batch; of a purge, the last one that is gone.
    public var sequence: UInt64
    /// The digest of the batch's bytes; of a purge, that of its receipt.
    public var digest: String
    /// The sample's number in the stream.
    public var sample: UInt32?
    /// The digest of the sample's own bytes.
    public var sampleDigest: String?
    /// The bytes of the sample, with what goes with it; of its batch's head, with the first one.
    public var bytes: Int
    /// What left of it.
    public var fields: [SampleField]?
    /// Why, for what was refused.
    public var reason: String?
    /// The digest of the line before; empty for the first.
    public var previous: String

    enum CodingKeys: String, CodingKey {
        case event, time, job, name, sequence, digest, sample
        case sampleDigest = "sample_digest"
        case bytes, fields, reason, previous
    }

    /// Creates a record.
    public init(
        _ event: Event,
        time: Int64,
        job: JobID,
        sequence: UInt64,
        digest: String,
        bytes: Int = 0,
        previous: String = ""
    ) {
        self.event = event
        self.time = time
        self.job = job.number
        self.sequence = sequence
        self.digest = digest
        self.bytes = bytes
        self.previous = previous
    }
}
