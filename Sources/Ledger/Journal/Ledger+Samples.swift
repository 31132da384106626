// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Rounds

extension Ledger {
    static func kept(_ samples: KeptSamples, _ database: Database) throws {
        let place: [(any DatabaseValueConvertible)?] = [
            LedgerValues.signed(samples.key.job.number), samples.key.agent.name,
            LedgerValues.signed(samples.key.sequence),
        ]
        let sql = """
            INSERT INTO samples (job, agent, sequence, digest, byte_count, sample_count) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """
        let digest = samples.digest.description
        let added = try run(
            database,
            sql,
            place + [digest, Int64(samples.byteCount), Int64(samples.sampleCount)]
        )
        guard added == 0 else { return }
        let known = try String.fetchOne(
            database,
            sql: "SELECT digest FROM samples WHERE job = ? AND agent = ? AND sequence = ?",
            arguments: StatementArguments(place)
        )
        guard known == digest else { throw contradiction("other samples are held under \(samples.key)") }
    }

    static func purged(_ receipt: PurgeReceipt, _ database: Database) throws {
        let agent: [(any DatabaseValueConvertible)?] = [
            LedgerValues.signed(receipt.job.number), receipt.agent.name,
        ]
        try run(
            database,
            "DELETE FROM samples WHERE job = ? AND agent = ? AND sequence <= ?",
            agent + [LedgerValues.signed(receipt.lastSequence)]
        )
        let sql = """
            INSERT INTO purges (job, agent, number, last_sequence, batch_count, sample_count, byte_count, digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """
        try run(
            database,
            sql,
            agent + [
                LedgerValues.signed(receipt.number), LedgerValues.signed(receipt.lastSequence),
                LedgerValues.signed(receipt.batchCount), LedgerValues.signed(receipt.sampleCount),
                LedgerValues.signed(receipt.byteCount), receipt.digest.description,
            ]
        )
    }

    static func samples(of job: JobID, _ database: Database) throws -> [KeptSamples] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM samples WHERE job = ? ORDER BY agent, sequence",
            arguments: [LedgerValues.signed(job.number)]
        )
        return try rows.map { row in
            KeptSamples(
                key: SampleKey(job: job, agent: try row.agent(), sequence: row.number("sequence")),
                digest: try row.digest("digest"),
                byteCount: row["byte_count"],
                sampleCount: row["sample_count"]
            )
        }
    }

    static func receipts(of job: JobID, _ database: Database) throws -> [PurgeReceipt] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM purges WHERE job = ? ORDER BY agent, number",
            arguments: [LedgerValues.signed(job.number)]
        )
        return try rows.map { row in
            PurgeReceipt(
                job: job,
                agent: try row.agent(),
                number: row.number("number"),
                lastSequence: row.number("last_sequence"),
                batchCount: row.number("batch_count"),
                sampleCount: row.number("sample_count"),
                byteCount: row.number("byte_count"),
                digest: try row.digest("digest")
            )
        }
    }
}
