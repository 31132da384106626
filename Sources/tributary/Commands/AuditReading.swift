// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Digest
import FoundationEssentials
import Ledger
import Rounds

/// A device's audit log, read and checked line by line.
struct AuditReading {
    /// The batches that left, by job and sequence, with the digests of their bytes.
    private var batches: [UInt64: [UInt64: BlobDigest]] = [:]
    /// Batches that the coordinator refused never counted there.
    private var refused: [UInt64: Set<UInt64>] = [:]
    /// What earlier receipts cover.
    private var purged: [UInt64: [UInt64]] = [:]
    private(set) var lineCount = 0
    private(set) var sampleCount = 0
    private(set) var byteCount = 0

    init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.noInput, "'\(path)' cannot be read; check the path and its permissions")
        }
        var previous = ""
        for line in data.split(separator: UInt8(ascii: "\n")) {
            lineCount += 1
            let text = String(decoding: line, as: UTF8.self)
            guard let record = try? JSONDecoder().decode(AuditRecord.self, from: Data(line)) else {
                throw Failure(.jobFailed, "line \(lineCount) of '\(path)' is no line of an audit log")
            }
            guard record.previous == previous else {
                throw Failure(.jobFailed, "the audit log '\(path)' was changed before line \(lineCount)")
            }
            previous = AuditLog.digest(of: text)
            take(record)
        }
    }

    private mutating func take(_ record: AuditRecord) {
        switch record.event {
        case .sent:
            sampleCount += 1
            byteCount += record.bytes
            if let digest = BlobDigest(parsing: record.digest) {
                batches[record.job, default: [:]][record.sequence] = digest
            }
        case .refused:
            refused[record.job, default: []].insert(record.sequence)
        case .purged:
            purged[record.job, default: []].append(record.sequence)
        }
    }

    /// Checks that a receipt covers exactly the batches that left since the receipt before it.
    func check(_ receipt: ReceiptRecord) throws {
        let earlier = purged[receipt.job, default: []].filter { $0 < receipt.lastSequence }.max() ?? 0
        let covered = batches[receipt.job, default: [:]]
            .filter { $0.key > earlier && $0.key <= receipt.lastSequence }
            .filter { !refused[receipt.job, default: []].contains($0.key) }
            .sorted { $0.key < $1.key }
        let digest = BlobDigest(hashingDigests: covered.map(\.value))
        guard covered.count == receipt.batches, "\(digest)" == receipt.digest else {
            throw Failure(
                .jobFailed,
                "receipt \(receipt.receipt) of job-\(receipt.job) names \(receipt.batches) batches with digest "
                    + "\(receipt.digest); the audit log says that \(covered.count) left, with digest \(digest)"
            )
        }
    }
}
