// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
public import Rounds

extension Ledger {
    /// Writes facts, all of them or none.
    ///
    /// Facts that were written before may be given again: after an error it can be unknown whether they were written.
    /// - Throws: ``LedgerError`` with code `diskFull`, `accessDenied`, `inputOutput` or `busy` when nothing was written
    ///   and the same call may succeed later; `contradiction` when a fact cannot follow those in the journal (an
    ///   accepted update of a round that is not open, a commit of another round than the open one).
    public func append(_ entries: [JournalEntry]) throws(LedgerError) {
        do {
            try queue.inDatabase { database in
                try database.inTransaction(.immediate) {
                    for entry in entries { try Self.write(entry, database) }
                    return .commit
                }
            }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be written")
        }
    }

    /// Runs a statement that is prepared once; the number of rows that it changed.
    @discardableResult
    static func run(
        _ database: Database,
        _ sql: String,
        _ arguments: [(any DatabaseValueConvertible)?]
    ) throws -> Int {
        let statement = try database.cachedStatement(sql: sql)
        try statement.execute(arguments: StatementArguments(arguments))
        return database.changesCount
    }

    private static func write(_ entry: JournalEntry, _ database: Database) throws {
        switch entry {
        case .submitted(let job, let specification): try submitted(job, specification, database)
        case .phase(let job, let phase, let message):
            let sql = "UPDATE jobs SET phase = ?, message = ? WHERE job = ?"
            let changed = try run(database, sql, [Int64(phase.rawValue), message, LedgerValues.signed(job.number)])
            guard changed == 1 else { throw contradiction("\(job) was never submitted") }
        case .roundStarted(let job, let round, let attempt, let cohort, let carried, let reasons):
            let open = RecoveredJob.OpenRound(
                round: round,
                attempt: attempt,
                cohort: cohort,
                carried: carried,
                reasons: reasons
            )
            try started(job, open, database)
        case .accepted(let update): try accepted(update, database)
        case .refused(let key, let reason):
            try run(
                database,
                "INSERT INTO refusals (job, round, attempt, agent, reason) VALUES (?, ?, ?, ?, ?)",
                arguments(key) + [Int64(reason.rawValue)]
            )
        case .roundAbandoned(let job, let round, let attempt): try abandoned(job, round, attempt, database)
        case .roundCommitted(let job, let round): try committed(job, round, database)
        case .samplesKept(let samples): try kept(samples, database)
        case .samplesPurged(let receipt): try purged(receipt, database)
        case .evaluated(let job, let round, let summary):
            let sql = """
                INSERT OR REPLACE INTO evaluations (job, round, sample_count, correct_count, loss_sum, client_count,
                    mean_accuracy, worst_tenth_accuracy, deviation, fairness, answers)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            let spread = summary.spread
            try run(
                database,
                sql,
                [
                    LedgerValues.signed(job.number), Int64(round.value), LedgerValues.signed(summary.sampleCount),
                    LedgerValues.signed(summary.correctCount), LedgerValues.real(summary.lossSum),
                    spread.map { LedgerValues.signed($0.clientCount) }, spread?.meanAccuracy,
                    spread?.worstTenthAccuracy, spread?.deviation, spread?.fairness,
                    LedgerValues.text(summary.answers),
                ]
            )
        }
    }

    static func contradiction(_ text: String) -> LedgerError {
        LedgerError(.contradiction, "the journal refuses a fact: \(text)")
    }

    static func arguments(_ key: UpdateKey) -> [(any DatabaseValueConvertible)?] {
        [LedgerValues.signed(key.job.number), Int64(key.round.value), Int64(key.attempt), key.agent.name]
    }

    private static func submitted(_ job: JobID, _ specification: JobSpecification, _ database: Database) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(specification), as: UTF8.self)
        let number = LedgerValues.signed(job.number)
        let sql = "INSERT INTO jobs (job, specification, phase, message) VALUES (?, ?, ?, '') ON CONFLICT DO NOTHING"
        guard try run(database, sql, [number, text, Int64(JobPhase.queued.rawValue)]) == 0 else { return }
        let known = try String.fetchOne(
            database,
            sql: "SELECT specification FROM jobs WHERE job = ?",
            arguments: [number]
        )
        guard known == text else { throw contradiction("\(job) was submitted before, with another specification") }
    }

    private static func started(
        _ job: JobID,
        _ open: RecoveredJob.OpenRound,
        _ database: Database
    ) throws {
        let (round, attempt) = (open.round, open.attempt)
        let names = open.cohort.map(\.name).joined(separator: " ")
        let number = LedgerValues.signed(job.number)
        let place: [(any DatabaseValueConvertible)?] = [number, Int64(round.value), Int64(attempt)]
        let sql = """
            INSERT INTO rounds (job, round, attempt, state, cohort, carried, reasons) VALUES (?, ?, ?, 'open', ?, ?, ?)
            ON CONFLICT DO NOTHING
            """
        let details: [(any DatabaseValueConvertible)?] = [
            names, LedgerValues.text(open.carried), open.reasons?.text ?? "",
        ]
        guard try run(database, sql, place + details) == 1 else {
            // The same fact again, or another one in its place.
            let known = """
                SELECT 1 FROM rounds JOIN jobs USING (job) WHERE job = ? AND round = ? AND attempt = ? AND cohort = ?
                AND state = 'open' AND open_round = round AND open_attempt = attempt
                """
            guard try Row.fetchOne(database, sql: known, arguments: StatementArguments(place + [names])) != nil else {
                throw contradiction("round \(round).\(attempt) of \(job) began before, with another cohort or end")
            }
            return
        }
        let change = "UPDATE jobs SET open_round = ?, open_attempt = ? WHERE job = ?"
        guard try run(database, change, [Int64(round.value), Int64(attempt), number]) == 1 else {
            throw contradiction("\(job) was never submitted")
        }
    }

    private static func accepted(_ update: AcceptedUpdate, _ database: Database) throws {
        // The open round is checked in the same statement: this is the hot path.
        let sql = """
            INSERT OR REPLACE INTO updates (job, round, attempt, agent, digest, byte_count, weight, steps,
                trained_samples, loss, training_nanoseconds, norm, initial_loss, bytes_by_kind, asked_round,
                asked_attempt, staleness, uncertainty)
            SELECT ?1, open_round, open_attempt, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?2, ?3, ?16, ?17
            FROM jobs WHERE job = ?1 AND open_round = ?15 AND (open_attempt = ?3 OR open_round > ?2)
            """
        let changed = try run(
            database,
            sql,
            arguments(update.key) + [
                update.digest.description, Int64(update.byteCount), LedgerValues.real(update.weight),
                LedgerValues.signed(update.steps), LedgerValues.signed(update.trainedSamples),
                LedgerValues.real(update.loss),
                LedgerValues.nanoseconds(update.trainingTime), LedgerValues.real(update.norm),
                update.initialLoss, LedgerValues.text(update.bytesByKind), Int64(update.round.value),
                Int64(update.staleness), update.uncertainty,
            ]
        )
        guard changed == 1 else { throw contradiction("the update \(update.key) is not of its job's open round") }
    }

    private static func abandoned(
        _ job: JobID,
        _ round: RoundNumber,
        _ attempt: UInt32,
        _ database: Database
    ) throws {
        let place: [(any DatabaseValueConvertible)?] = [
            LedgerValues.signed(job.number), Int64(round.value), Int64(attempt),
        ]
        let sql = """
            UPDATE jobs SET open_round = NULL, open_attempt = NULL, abandoned_attempts = ?3
            WHERE job = ?1 AND open_round = ?2 AND open_attempt = ?3
            """
        guard try run(database, sql, place) == 1 else { return }
        try run(database, "UPDATE rounds SET state = 'abandoned' WHERE job = ? AND round = ? AND attempt = ?", place)
    }

    private static func committed(_ job: JobID, _ round: CommittedRound, _ database: Database) throws {
        let place: [(any DatabaseValueConvertible)?] = [LedgerValues.signed(job.number), Int64(round.round.value)]
        let close = """
            UPDATE jobs SET committed_round = open_round, committed_attempt = open_attempt, open_round = NULL,
                open_attempt = NULL, abandoned_attempts = 0
            WHERE job = ?1 AND open_round = ?2
            """
        guard try run(database, close, place) == 1 else {
            let known = try Row.fetchOne(
                database,
                sql: "SELECT * FROM commits WHERE job = ? AND round = ?",
                arguments: StatementArguments(place)
            )
            guard let known, try known.digest("model_digest") == round.modelDigest else {
                throw contradiction("round \(round.round) of \(job) is not open, and cannot be committed")
            }
            return
        }
        let insert = """
            INSERT INTO commits (job, round, attempt, model_digest, update_count, weight, bytes_up,
                trained_samples, loss,
                training_nanoseconds, elapsed_nanoseconds, bytes_by_kind)
            SELECT ?1, ?2, committed_attempt, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM jobs WHERE job = ?1
            """
        try run(
            database,
            insert,
            place + [
                round.modelDigest.description, Int64(round.updateCount), LedgerValues.real(round.weight),
                LedgerValues.signed(round.bytesUp), LedgerValues.signed(round.trainedSamples),
                LedgerValues.real(round.loss), LedgerValues.nanoseconds(round.trainingTime),
                LedgerValues.nanoseconds(round.elapsed), LedgerValues.text(round.bytesUpByKind),
            ]
        )
        let mark = """
            UPDATE rounds SET state = 'committed' WHERE job = ?1 AND round = ?2
            AND attempt = (SELECT committed_attempt FROM jobs WHERE job = ?1)
            """
        try run(database, mark, place)
    }
}
