// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Rounds

extension Ledger {
    /// Everyone who was asked for a job, with the reasons, by round and attempt.
    static func selections(_ job: JobID, _ database: Database) throws -> [JobHistory.Selection] {
        try Row.fetchAll(
            database,
            sql: "SELECT round, attempt, cohort, reasons FROM rounds WHERE job = ? ORDER BY round, attempt",
            arguments: [LedgerValues.signed(job.number)]
        ).map { row in
            let cohort = try LedgerValues.cohort(row["cohort"], of: job)
            return JobHistory.Selection(
                round: try row.round(),
                attempt: try row.word("attempt"),
                cohort: cohort,
                reasons: try LedgerValues.reasons(row["reasons"], of: cohort, job)
            )
        }
    }

    /// What a job remembers to choose agents by: the same as ``RecoveredJob/apply(_:)`` over all facts.
    static func selection(_ job: JobID, _ database: Database) throws -> SelectionMemory {
        var memory = SelectionMemory()
        let number: StatementArguments = [LedgerValues.signed(job.number)]
        let rounds = try Row.fetchCursor(
            database,
            sql: "SELECT round, cohort, carried FROM rounds WHERE job = ? ORDER BY round, attempt",
            arguments: number
        )
        while let row = try rounds.next() {
            let carried = try LedgerValues.tasks(row["carried"], of: job)
            memory.selected(try LedgerValues.cohort(row["cohort"], of: job), carried: carried, in: try row.round())
        }
        let updates = try Row.fetchCursor(
            database,
            sql: "SELECT updates.* FROM updates JOIN commits USING (job, round, attempt) WHERE job = ? ORDER BY round",
            arguments: number
        )
        while let row = try updates.next() { memory.counted(try update(row)) }
        return memory
    }
}
