// SPDX-License-Identifier: Apache-2.0

internal import GRDB
public import Rounds

/// What a shell needs after a power failure, which can take files whose facts the journal kept. See
/// ``isFirstOpenSinceBoot``.
extension Ledger {
    /// Takes back the commits after a round, because their models are lost: the first of those rounds is open again,
    /// with the same attempt and cohort and without accepted updates.
    ///
    /// Agents keep their updates until a round is durable and offer them again, so the repeated round gives the same
    /// model.
    ///
    /// Does nothing when the round is the job's last.
    /// - Throws: ``LedgerError`` as ``append(_:)``; nothing is changed then.
    public func rollBack(_ job: JobID, to round: RoundNumber) throws(LedgerError) {
        let place: StatementArguments = [LedgerValues.signed(job.number), Int64(round.value)]
        do {
            try queue.write { database in
                let find = "SELECT round, attempt FROM commits WHERE job = ? AND round > ? ORDER BY round LIMIT 1"
                guard let lost = try Row.fetchOne(database, sql: find, arguments: place) else { return }
                try database.execute(sql: "DELETE FROM commits WHERE job = ? AND round > ?", arguments: place)
                try database.execute(sql: "DELETE FROM evaluations WHERE job = ? AND round > ?", arguments: place)
                try database.execute(sql: "DELETE FROM updates WHERE job = ? AND round > ?", arguments: place)
                let again: StatementArguments = [
                    LedgerValues.signed(job.number), lost["round"] as Int64, lost["attempt"] as Int64,
                ]
                try database.execute(
                    sql: "DELETE FROM rounds WHERE job = ?1 AND (round > ?2 OR round = ?2 AND attempt > ?3)",
                    arguments: again
                )
                try database.execute(
                    sql: "UPDATE rounds SET state = 'open' WHERE job = ? AND round = ? AND attempt = ?",
                    arguments: again
                )
                let reopen = """
                    UPDATE jobs SET open_round = ?2, open_attempt = ?3, abandoned_attempts = ?3 - 1, phase = ?4,
                    message = '',
                    (committed_round, committed_attempt) =
                        (SELECT max(round), attempt FROM commits WHERE commits.job = ?1)
                    WHERE job = ?1
                    """
                try database.execute(sql: reopen, arguments: again + [Int64(JobPhase.running.rawValue)])
            }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be written")
        }
    }

    /// Takes back accepted updates of open rounds whose spooled bytes are lost; their agents offer them again.
    ///
    /// - Throws: ``LedgerError`` as ``append(_:)``; nothing is changed then.
    public func withdraw(_ keys: [UpdateKey]) throws(LedgerError) {
        do {
            try queue.write { database in
                for key in keys {
                    let sql = """
                        DELETE FROM updates WHERE job = ?1 AND agent = ?4
                        AND coalesce(asked_round, round) = ?2 AND coalesce(asked_attempt, attempt) = ?3
                        AND (round, attempt) = (SELECT open_round, open_attempt FROM jobs WHERE job = ?1)
                        """
                    try Self.run(database, sql, Self.arguments(key))
                }
            }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be written")
        }
    }
}
