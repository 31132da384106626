// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Rounds

/// A receipt of a deletion as JSON.
struct ReceiptRecord: Codable {
    let job: UInt64
    let client: String
    let receipt: UInt64
    let lastSequence: UInt64
    let batches: UInt64
    let samples: UInt64
    let bytes: UInt64
    let digest: String

    private enum CodingKeys: String, CodingKey {
        case job, client, receipt, batches, samples, bytes, digest
        case lastSequence = "last_sequence"
    }

    init(_ receipt: PurgeReceipt) {
        job = receipt.job.number
        client = receipt.agent.name
        self.receipt = receipt.number
        lastSequence = receipt.lastSequence
        batches = receipt.batchCount
        samples = receipt.sampleCount
        bytes = receipt.byteCount
        digest = "\(receipt.digest)"
    }

    /// Reads receipts, one a line.
    static func read(_ path: String) throws -> [ReceiptRecord] {
        try TextFile.read(path).split(separator: "\n").map { line in
            do {
                return try JSONDecoder().decode(ReceiptRecord.self, from: Data(line.utf8))
            } catch {
                throw Failure(.badInput, "'\(path)' holds what is no receipt; write it with samples purge --receipt")
            }
        }
    }

    /// One line for people.
    var line: String {
        "job-\(job)  \(client)  receipt \(receipt): deleted \(samples) samples in \(batches) batches (\(bytes) bytes), "
            + "every batch up to \(lastSequence); digest \(digest)"
    }
}
