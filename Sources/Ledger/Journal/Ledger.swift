// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Glibc

/// The journal of a coordinator: the facts that a restart must know, in an SQLite database.
///
/// What ``append(_:)`` wrote survives the death of the process at any moment. It survives a power failure once
/// ``synchronize()`` returned. All calls may come from any thread; none but ``synchronize()`` waits for a disk,
/// unless nobody calls that until the WAL has 32 MiB.
///
/// How: the database is in WAL mode with `synchronous=NORMAL`, so a commit is one write to the end of the WAL file, in
/// the page cache, where a process that is killed leaves it. After a power failure SQLite finds by checksums the last
/// commit that is whole. Bringing the WAL to disk is one `fsync` through a descriptor of our own, without the
/// database's lock, so that rounds go on meanwhile; moving it into the database file (a checkpoint) happens there too,
/// on a second connection, once the WAL is long.
public final class Ledger: Sendable {
    /// What is known about the disk: after a failed `fsync` the WAL's pages count as clean although they may not be
    /// there.
    private final class Suspicion: @unchecked Sendable {
        // Safe: touched under the ledger's synchronisation lock only.
        var isWALSuspect = false
        var isFolderSynchronized = false
    }

    /// The length of the WAL, in bytes, from which on `synchronize` moves it into the database file.
    static let checkpointBytes = 4 << 20
    /// The pages after which a commit itself does it: the WAL is bounded even if nobody synchronizes.
    private static let automaticCheckpointPages = 8_192

    /// Where the database lies.
    public let path: String
    /// Whether the computer was started since the journal was last known to agree with the files around it.
    ///
    /// What was not synchronized may be lost then: the shell checks checkpoints and spooled updates against their
    /// digests, repairs with ``rollBack(_:to:)`` and ``withdraw(_:)``, and ends with ``confirmIntact()``.
    public let isFirstOpenSinceBoot: Bool
    let queue: DatabaseQueue
    private let state: StateFolder
    private let boot: String
    private let synchronization = MutexLock()
    private let suspicion = Suspicion()

    /// Opens the journal of a state folder, or makes it.
    ///
    /// - Throws: ``LedgerError`` with code `newerSchema`, `corrupt`, `diskFull`, `accessDenied` or `inputOutput`.
    public convenience init(in state: StateFolder) throws(LedgerError) {
        try self.init(in: state, bootIdentifier: Self.bootIdentifier())
    }

    package init(in state: StateFolder, bootIdentifier: String) throws(LedgerError) {
        path = "\(state.path)/ledger.sqlite"
        self.state = state
        boot = bootIdentifier
        do {
            queue = try DatabaseQueue(path: path, configuration: Self.configuration())
            try Self.migrate(queue, path)
            isFirstOpenSinceBoot = try Self.hasBooted(queue, since: bootIdentifier)
            if isFirstOpenSinceBoot { try Self.check(queue, path) }
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be opened")
        }
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.label = "ledger"
        configuration.busyMode = .timeout(1)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = \(automaticCheckpointPages)")
        }
        return configuration
    }

    private static func check(_ queue: DatabaseQueue, _ path: String) throws {
        let finding = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard finding == "ok" else {
            throw LedgerError(
                .corrupt,
                "the journal \(path) is damaged: \(finding ?? ""); restore a copy or put it aside"
            )
        }
    }

    /// A text that is new with every start of the computer.
    private static func bootIdentifier() -> String {
        guard let descriptor = try? FileCalls.openForReading("/proc/sys/kernel/random/boot_id") else {
            return "unknown"
        }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 36)
        let count = text.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: text.prefix(max(count, 0)), as: UTF8.self)
    }

    private static func hasBooted(_ queue: DatabaseQueue, since identifier: String) throws -> Bool {
        let known = try queue.inDatabase {
            try String.fetchOne($0, sql: "SELECT value FROM properties WHERE name = 'boot'")
        }
        if known == nil { try note(queue, identifier) }
        return known != nil && known != identifier
    }

    private static func note(_ queue: DatabaseQueue, _ identifier: String) throws {
        try queue.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO properties (name, value) VALUES ('boot', ?)",
                arguments: [identifier]
            )
        }
    }

    /// Notes that what a power failure may have taken is repaired; until then every start is a first one.
    ///
    /// - Throws: ``LedgerError`` as ``append(_:)``.
    public func confirmIntact() throws(LedgerError) {
        do {
            try Self.note(queue, boot)
        } catch {
            throw LedgerError(database: error, "the journal \(path) cannot be written")
        }
    }

    /// Waits until everything appended before the call is on the disk.
    ///
    /// For a worker thread: ``append(_:)`` goes on meanwhile.
    ///
    /// - Throws: ``LedgerError`` with code `inputOutput` or `diskFull`; the journal goes on, and a later call tries
    ///   again.
    public func synchronize() throws(LedgerError) {
        try synchronization.withLock { () throws(LedgerError) in
            let walPath = "\(path)-wal"
            let descriptor = try state.files.open(walPath, create: false)
            let size: Int
            do throws(LedgerError) {
                defer { close(descriptor) }
                size = try FileCalls.size(descriptor, walPath)
                try state.files.synchronize(descriptor, walPath)
            } catch {
                // The kernel reports a failed write-back once; from now on only a copy in the database file counts.
                suspicion.isWALSuspect = true
                throw error
            }
            if !suspicion.isFolderSynchronized {
                try state.files.synchronizeFolder(state.path)
                suspicion.isFolderSynchronized = true
            }
            guard suspicion.isWALSuspect || size >= Self.checkpointBytes else { return }
            try checkpoint(mustComplete: suspicion.isWALSuspect)
            suspicion.isWALSuspect = false
        }
    }

    private func checkpoint(mustComplete: Bool) throws(LedgerError) {
        do {
            var configuration = Self.configuration()
            configuration.label = "ledger checkpoint"
            let second = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? second.close() }
            let isComplete = try second.inDatabase { database in
                let row = try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(PASSIVE)")
                guard let row, let busy = row[0] as Int?, let log = row[1] as Int?, let moved = row[2] as Int? else {
                    return false
                }
                return busy == 0 && log == moved
            }
            guard mustComplete, !isComplete else { return }
            throw LedgerError(
                .busy,
                "the journal \(path) is still being written; its pages go to disk with the next round"
            )
        } catch {
            // Without suspicion the WAL is on the disk already, and a longer WAL is no loss.
            guard mustComplete else { return }
            throw LedgerError(database: error, "the journal \(path) cannot be brought to disk")
        }
    }
}
