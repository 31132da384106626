// SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension Ledger {
    static func migrate(_ queue: DatabaseQueue, _ path: String) throws {
        var migrator = DatabaseMigrator()
        // A migration that was released is never changed; what comes next is a further one.
        migrator.registerMigration("1: jobs, rounds, updates") { try $0.execute(sql: firstSchema) }
        migrator.registerMigration("2: what updates and evaluations tell further") { try $0.execute(sql: secondSchema) }
        migrator.registerMigration("3: work carried from round to round") { try $0.execute(sql: thirdSchema) }
        migrator.registerMigration("4: samples of devices") { try $0.execute(sql: fourthSchema) }
        migrator.registerMigration("5: why agents were chosen") { try $0.execute(sql: fifthSchema) }
        migrator.registerMigration("6: answers by class") { try $0.execute(sql: sixthSchema) }
        let isNewer = try queue.inDatabase { try migrator.hasBeenSuperseded($0) }
        guard !isNewer else {
            throw LedgerError(
                .newerSchema,
                "the journal \(path) was written by a newer version of tributary; use that version or another folder"
            )
        }
        try migrator.migrate(queue)
    }

    /// Answers are whole numbers with spaces between them: classes, seen classes, then the counts by answer and class.
    private static let sixthSchema = """
        ALTER TABLE evaluations ADD COLUMN answers TEXT NOT NULL DEFAULT '';
        """

    /// Reasons are words with spaces between them, one for each agent of the cohort or one for all; none where they are
    /// not known. A word is the reason's name, with a colon and the number that decided where there is one.
    private static let fifthSchema = """
        ALTER TABLE rounds ADD COLUMN reasons TEXT NOT NULL DEFAULT '';
        ALTER TABLE updates ADD COLUMN uncertainty REAL;
        """

    /// Batches of samples that are held, and what was deleted.
    private static let fourthSchema = """
        CREATE TABLE samples (
            job INTEGER NOT NULL REFERENCES jobs,
            agent TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            digest TEXT NOT NULL,
            byte_count INTEGER NOT NULL,
            sample_count INTEGER NOT NULL,
            PRIMARY KEY (job, agent, sequence)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE purges (
            job INTEGER NOT NULL REFERENCES jobs,
            agent TEXT NOT NULL,
            number INTEGER NOT NULL,
            last_sequence INTEGER NOT NULL,
            batch_count INTEGER NOT NULL,
            sample_count INTEGER NOT NULL,
            byte_count INTEGER NOT NULL,
            digest TEXT NOT NULL,
            PRIMARY KEY (job, agent, number)
        ) STRICT, WITHOUT ROWID;
        """

    /// An update's `round` and `attempt` are those in which it counts, `asked_round` and `asked_attempt` those of its
    /// key (NULL: the same). Carried work is four words for each: agent, round, attempt, base.
    private static let thirdSchema = """
        ALTER TABLE rounds ADD COLUMN carried TEXT NOT NULL DEFAULT '';
        ALTER TABLE updates ADD COLUMN asked_round INTEGER;
        ALTER TABLE updates ADD COLUMN asked_attempt INTEGER;
        ALTER TABLE updates ADD COLUMN staleness INTEGER NOT NULL DEFAULT 0;
        """

    /// Bytes by kind are whole numbers with spaces between them; a spread is five reals.
    private static let secondSchema = """
        ALTER TABLE updates ADD COLUMN initial_loss REAL;
        ALTER TABLE updates ADD COLUMN bytes_by_kind TEXT NOT NULL DEFAULT '';
        ALTER TABLE commits ADD COLUMN bytes_by_kind TEXT NOT NULL DEFAULT '';
        ALTER TABLE evaluations ADD COLUMN client_count INTEGER;
        ALTER TABLE evaluations ADD COLUMN mean_accuracy REAL;
        ALTER TABLE evaluations ADD COLUMN worst_tenth_accuracy REAL;
        ALTER TABLE evaluations ADD COLUMN deviation REAL;
        ALTER TABLE evaluations ADD COLUMN fairness REAL;
        """

    /// 64-bit unsigned numbers are stored as the signed ones with the same bits, lengths of time as nanoseconds, a mean
    /// that is not a number as NULL.
    ///
    /// A cohort is its agents' names with spaces between them: names have none.
    private static let firstSchema = """
        CREATE TABLE properties (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE jobs (
            job INTEGER PRIMARY KEY NOT NULL,
            specification TEXT NOT NULL,
            phase INTEGER NOT NULL,
            message TEXT NOT NULL,
            open_round INTEGER,
            open_attempt INTEGER,
            committed_round INTEGER,
            committed_attempt INTEGER,
            abandoned_attempts INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE rounds (
            job INTEGER NOT NULL REFERENCES jobs,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'abandoned', 'committed')),
            cohort TEXT NOT NULL,
            PRIMARY KEY (job, round, attempt)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE commits (
            job INTEGER NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            model_digest TEXT NOT NULL,
            update_count INTEGER NOT NULL,
            weight REAL,
            bytes_up INTEGER NOT NULL,
            trained_samples INTEGER NOT NULL,
            loss REAL,
            training_nanoseconds INTEGER NOT NULL,
            elapsed_nanoseconds INTEGER NOT NULL,
            PRIMARY KEY (job, round),
            FOREIGN KEY (job, round, attempt) REFERENCES rounds
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE updates (
            job INTEGER NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            agent TEXT NOT NULL,
            digest TEXT NOT NULL,
            byte_count INTEGER NOT NULL,
            weight REAL,
            steps INTEGER NOT NULL,
            trained_samples INTEGER NOT NULL,
            loss REAL,
            training_nanoseconds INTEGER NOT NULL,
            norm REAL,
            PRIMARY KEY (job, round, attempt, agent),
            FOREIGN KEY (job, round, attempt) REFERENCES rounds
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE refusals (
            id INTEGER PRIMARY KEY NOT NULL,
            job INTEGER NOT NULL REFERENCES jobs,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            agent TEXT NOT NULL,
            reason INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE evaluations (
            job INTEGER NOT NULL REFERENCES jobs,
            round INTEGER NOT NULL,
            sample_count INTEGER NOT NULL,
            correct_count INTEGER NOT NULL,
            loss_sum REAL,
            PRIMARY KEY (job, round)
        ) STRICT, WITHOUT ROWID;
        """
}
