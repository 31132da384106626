// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
public import Rounds

extension Ledger {
    /// The jobs that the journal knows, in the order of their numbers.
    ///
    /// The same as ``RecoveredJob/apply(_:)`` over all facts ever appended; accepted updates come in the order of their
    /// agents.
    /// - Throws: ``LedgerError`` with code `corrupt` or `inputOutput`.
    public func recover() throws(LedgerError) -> [RecoveredJob] {
        do {
            return try queue.inDatabase { database in
                let refused = try Self.refusalCounts(database)
                var jobs: [RecoveredJob] = []
                for row in try Row.fetchAll(database, sql: "SELECT * FROM jobs") {
                    var job = try Self.job(row)
                    job.refusedUpdates = refused[row["job"]] ?? 0
                    job.committed = try Self.commits(job.job, database)
                    job.open = try Self.round(row, "open", database)
                    if let last = try Self.round(row, "committed", database) {
                        job.lastCommitted = last.accepted.map(\.key).sorted()
                        if job.open == nil, job.abandonedAttempts == 0, job.specification.round.mode == .buffered {
                            job.carried = last.unanswered(job.job)
                        }
                    }
                    job.lastCounted = try Self.lastCounted(job.job, database)
                    if job.specification.clientSelection.remembers {
                        job.selection = try Self.selection(job.job, database)
                    }
                    if let last = try Self.evaluations(job.job, database).last {
                        job.evaluation = (last.round, last.summary)
                    }
                    job.samples = try Self.samples(of: job.job, database)
                    job.receipts = try Self.receipts(of: job.job, database)
                    jobs.append(job)
                }
                return jobs.sorted { $0.job < $1.job }
            }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be read")
        }
    }

    /// The committed rounds and evaluations of a job; empty for a job that the journal does not know.
    ///
    /// - Throws: ``LedgerError`` with code `corrupt` or `inputOutput`.
    public func history(of job: JobID) throws(LedgerError) -> JobHistory {
        do {
            return try queue.inDatabase { database in
                JobHistory(
                    committed: try Self.commits(job, database),
                    evaluations: try Self.evaluations(job, database),
                    selections: try Self.selections(job, database)
                )
            }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be read")
        }
    }

    private static func job(_ row: Row) throws -> RecoveredJob {
        let id = JobID(row.number("job"))
        let text: String = row["specification"]
        let specification: JobSpecification
        do {
            specification = try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
        } catch {
            throw LedgerError(.corrupt, "the specification of \(id) in the journal cannot be read: \(error)")
        }
        var job = RecoveredJob(job: id, specification: specification)
        guard let phase = JobPhase(rawValue: try row.word("phase")) else { throw row.damage("phase") }
        job.phase = phase
        job.message = row["message"]
        job.abandonedAttempts = try row.word("abandoned_attempts")
        return job
    }

    private static func refusalCounts(_ database: Database) throws -> [Int64: UInt64] {
        var counts: [Int64: UInt64] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT job, count(*) AS refused FROM refusals GROUP BY job") {
            counts[row["job"]] = row.number("refused")
        }
        return counts
    }

    private static func commits(_ job: JobID, _ database: Database) throws -> [CommittedRound] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM commits WHERE job = ? ORDER BY round",
            arguments: [LedgerValues.signed(job.number)]
        )
        return try rows.map { row in
            CommittedRound(
                round: try row.round(),
                modelDigest: try row.digest("model_digest"),
                updateCount: row["update_count"],
                weight: row.real("weight"),
                bytesUp: row.number("bytes_up"),
                trainedSamples: row.number("trained_samples"),
                loss: row.real("loss"),
                trainingTime: row.duration("training_nanoseconds"),
                elapsed: row.duration("elapsed_nanoseconds"),
                bytesUpByKind: try row.bytesByKind()
            )
        }
    }

    private static func evaluations(_ job: JobID, _ database: Database) throws -> [JobHistory.Evaluation] {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM evaluations WHERE job = ? ORDER BY round",
            arguments: [LedgerValues.signed(job.number)]
        )
        return try rows.map { row in
            let summary = EvaluationSummary(
                sampleCount: row.number("sample_count"),
                correctCount: row.number("correct_count"),
                lossSum: row.real("loss_sum"),
                spread: spread(row),
                answers: try LedgerValues.answers(row["answers"] ?? "", of: job)
            )
            return JobHistory.Evaluation(round: try row.round(), summary: summary)
        }
    }

    /// The job's open or last committed round with all that was accepted in it.
    private static func round(_ row: Row, _ which: String, _ database: Database) throws -> RecoveredJob.OpenRound? {
        guard row["\(which)_round"] != nil else { return nil }
        let place: StatementArguments = [
            row["job"] as Int64, row["\(which)_round"] as Int64, row["\(which)_attempt"] as Int64,
        ]
        let texts = try Row.fetchOne(
            database,
            sql: "SELECT cohort, carried, reasons FROM rounds WHERE job = ? AND round = ? AND attempt = ?",
            arguments: place
        )
        let cohort = try LedgerValues.cohort(texts?["cohort"] ?? "", of: JobID(row.number("job")))
        var open = RecoveredJob.OpenRound(
            round: try row.round("\(which)_round"),
            attempt: try row.word("\(which)_attempt"),
            cohort: cohort
        )
        open.carried = try LedgerValues.tasks(texts?["carried"] ?? "", of: JobID(row.number("job")))
        open.reasons = try LedgerValues.reasons(texts?["reasons"] ?? "", of: cohort, JobID(row.number("job")))
        open.accepted = try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM updates WHERE job = ? AND round = ? AND attempt = ?
                ORDER BY asked_round, asked_attempt, agent
                """,
            arguments: place
        ).map(update)
        let refusals = try Row.fetchAll(
            database,
            sql: "SELECT agent, reason FROM refusals WHERE job = ? AND round = ? AND attempt = ? ORDER BY id",
            arguments: place
        )
        for refusal in refusals {
            let agent = try refusal.agent()
            // Of an agent that still works on something older, only the refusal of that counts.
            guard !open.carried.contains(where: { $0.key.agent == agent && $0.key.round < open.round }) else {
                continue
            }
            open.refused[agent] = try refusal.reason("reason")
        }
        for task in open.carried where task.key.round < open.round {
            let sql = """
                SELECT reason FROM refusals WHERE job = ? AND round = ? AND attempt = ? AND agent = ?
                ORDER BY id DESC LIMIT 1
                """
            guard let refusal = try Row.fetchOne(database, sql: sql, arguments: .init(arguments(task.key))) else {
                continue
            }
            open.refused[task.key.agent] = try refusal.reason("reason")
        }
        return open
    }

    static func update(_ row: Row) throws -> AcceptedUpdate {
        let key = UpdateKey(
            job: JobID(row.number("job")),
            round: row["asked_round"] == nil ? try row.round() : try row.round("asked_round"),
            attempt: try row.word(row["asked_attempt"] == nil ? "attempt" : "asked_attempt"),
            agent: try row.agent()
        )
        return AcceptedUpdate(
            key: key,
            digest: try row.digest("digest"),
            byteCount: row["byte_count"],
            weight: row.real("weight"),
            steps: row.number("steps"),
            trainedSamples: row.number("trained_samples"),
            loss: row.real("loss"),
            trainingTime: row.duration("training_nanoseconds"),
            norm: row.real("norm"),
            initialLoss: row["initial_loss"],
            uncertainty: row["uncertainty"],
            bytesByKind: try row.bytesByKind(),
            round: try row.round(),
            staleness: try row.word("staleness")
        )
    }

    private static func spread(_ row: Row) -> ClientSpread? {
        guard row["client_count"] != nil else { return nil }
        return ClientSpread(
            clientCount: row.number("client_count"),
            meanAccuracy: row.real("mean_accuracy"),
            worstTenthAccuracy: row.real("worst_tenth_accuracy"),
            deviation: row.real("deviation"),
            fairness: row.real("fairness")
        )
    }

    private static func lastCounted(_ job: JobID, _ database: Database) throws -> [AgentID: CountedUpdate] {
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT agent, coalesce(asked_round, round) AS asked_round,
                    coalesce(asked_attempt, attempt) AS asked_attempt
                FROM updates JOIN commits USING (job, round, attempt) WHERE job = ? ORDER BY round
                """,
            arguments: [LedgerValues.signed(job.number)]
        )
        var counted: [AgentID: CountedUpdate] = [:]
        while let row = try rows.next() {
            counted[try row.agent()] = CountedUpdate(
                round: try row.round("asked_round"),
                attempt: try row.word("asked_attempt")
            )
        }
        return counted
    }
}
