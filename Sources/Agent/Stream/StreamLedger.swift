// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Digest
import FoundationEssentials
import Glibc
import Ledger
import Rounds

/// What a device may send, what it sent, and what waits to be taken: policy, audit log and outbox of one job.
struct StreamLedger {
    private let task: StreamTask
    private let agent: AgentID
    private let audit: AuditLog
    private let store: SampleStore
    private let began = ContinuousClock.now
    private var gate: PolicyGate
    private var nextSequence: UInt64
    /// The digests of the deletions that are noted.
    private var noted: Set<String> = []

    init(_ task: StreamTask, agent: AgentID, site: StreamSite, store: SampleStore) throws(LedgerError) {
        self.task = task
        self.agent = agent
        self.store = store
        var gate = PolicyGate(site.policy, job: task.name)
        var last = task.keptSequence
        var noted: Set<String> = []
        let now = Self.wallSeconds
        audit = try AuditLog(in: site.state) { line in
            guard let record = try? JSONDecoder().decode(AuditRecord.self, from: Data(line.utf8)) else { return }
            if record.event == .sent {
                gate.remember(
                    bytes: record.bytes,
                    wallSeconds: record.time,
                    secondsAgo: Double(now - record.time)
                )
            }
            if record.event == .purged { noted.insert(record.digest) }
            if record.job == task.job.number { last = max(last, record.sequence) }
        }
        self.gate = gate
        self.noted = noted
        for key in try store.list() where key.job == task.job && key.agent == agent { last = max(last, key.sequence) }
        nextSequence = last + 1
    }

    private static var wallSeconds: Int64 { Int64(Glibc.time(nil)) }

    /// What may go beside the pixels.
    var fields: Set<SampleField> { gate.fields }

    /// Why a batch stays, without asking for its bytes; nil where its bytes decide.
    mutating func refusal(bytes: Int) -> PolicyGate.Refusal? {
        gate.refusal(bytes: bytes, wallSeconds: Self.wallSeconds, seconds: seconds)
    }

    private var seconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - began).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// Writes every sample of a batch to the audit log, then puts the batch into the outbox.
    ///
    /// - Throws: `LedgerError`; the batch does not leave then.
    mutating func send(_ bytes: [UInt8], samples: [Range<Int>], numbers: [UInt32]) throws(LedgerError) -> SampleOffer {
        let sequence = nextSequence
        let digest = Self.digest(bytes[...])
        let time = Self.wallSeconds
        let fields = gate.fields.sorted { $0.rawValue < $1.rawValue }
        let lines = zip(samples, numbers).enumerated().map { index, sample in
            var record = AuditRecord(
                .sent,
                time: time,
                job: task.job,
                sequence: sequence,
                digest: digest.description,
                // The head goes with the first sample.
                bytes: sample.0.count + (index == 0 ? sample.0.lowerBound : 0)
            )
            record.name = task.name
            record.sample = sample.1
            record.sampleDigest = Self.digest(bytes[sample.0]).description
            record.fields = fields
            return Self.line(record)
        }
        try audit.append(lines)
        nextSequence += 1
        let key = SampleKey(job: task.job, agent: agent, sequence: sequence)
        do {
            try store.store(key, bytes)
        } catch {
            note(.refused, sequence, digest.description, reason: "storage-failed")
            throw error
        }
        return SampleOffer(
            job: task.job,
            sequence: sequence,
            digest: digest,
            byteCount: bytes.count,
            sampleCount: samples.count
        )
    }

    /// Notes a deletion, once.
    mutating func note(_ receipt: PurgeReceipt) {
        let digest = receipt.digest.description
        guard noted.insert(digest).inserted else { return }
        note(.purged, receipt.lastSequence, digest, bytes: Int(clamping: receipt.byteCount))
    }

    /// Notes what the coordinator said of samples that had left.
    func note(_ event: AuditRecord.Event, _ sequence: UInt64, _ digest: String, bytes: Int = 0, reason: String? = nil) {
        var record = AuditRecord(
            event,
            time: Self.wallSeconds,
            job: task.job,
            sequence: sequence,
            digest: digest,
            bytes: bytes
        )
        record.name = task.name
        record.reason = reason
        // What happened to a sample that is gone is worth a line, but a full disk must not stop the stream.
        try? audit.append([Self.line(record)])
    }

    /// Whether the policy's last day is not over.
    static func isOpen(_ policy: SitePolicy?) -> Bool { policy.map { wallSeconds < $0.endSeconds } ?? false }

    /// The batches of an earlier process that the policy keeps from leaving now, noted as such.
    ///
    /// What a batch holds, and for which job, is in the audit log; one that is not there does not leave.
    ///
    /// - Throws: `LedgerError`.
    static func withdraw(_ kept: [SampleKey], _ site: StreamSite) throws(LedgerError) -> Set<SampleKey> {
        guard let agent = kept.first?.agent else { return [] }
        var allowed: Set<SampleKey> = []
        let now = wallSeconds
        let log = try AuditLog(in: site.state) { text in
            guard let record = try? JSONDecoder().decode(AuditRecord.self, from: Data(text.utf8)),
                record.event == .sent, record.job > 0
            else { return }
            let key = SampleKey(job: JobID(record.job), agent: agent, sequence: record.sequence)
            let fields = Set(record.fields ?? SampleField.allCases)
            if site.policy?.allows(fields, for: record.name ?? "", wallSeconds: max(now, record.time)) == true {
                allowed.insert(key)
            } else {
                allowed.remove(key)
            }
        }
        let withdrawn = kept.filter { !allowed.contains($0) }
        try log.append(
            withdrawn.map { key in
                var record = AuditRecord(.refused, time: now, job: key.job, sequence: key.sequence, digest: "")
                record.reason = "policy-changed"
                return line(record)
            }
        )
        return Set(withdrawn)
    }

    /// Notes a deletion while no stream is answered.
    ///
    /// - Throws: `LedgerError`.
    static func note(_ receipt: PurgeReceipt, in state: StateFolder) throws(LedgerError) {
        let record = AuditRecord(
            .purged,
            time: wallSeconds,
            job: receipt.job,
            sequence: receipt.lastSequence,
            digest: receipt.digest.description,
            bytes: Int(clamping: receipt.byteCount)
        )
        var isNoted = false
        let log = try AuditLog(in: state) { text in
            let known = try? JSONDecoder().decode(AuditRecord.self, from: Data(text.utf8))
            if known?.event == .purged, known?.digest == record.digest { isNoted = true }
        }
        if !isNoted { try log.append([line(record)]) }
    }

    private static func line(_ record: AuditRecord) -> (String) -> String {
        { previous in
            var record = record
            record.previous = previous
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let data = try? encoder.encode(record) else { preconditionFailure("a record has texts and numbers") }
            return String(decoding: data, as: UTF8.self)
        }
    }

    private static func digest(_ bytes: ArraySlice<UInt8>) -> BlobDigest {
        bytes.withUnsafeBytes { BlobDigest(hashing: $0) }
    }
}
