// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Rounds

/// What an agent remembers of jobs between rounds, one file a job in the folder `memory` of its state folder; without a
/// state folder in the process's memory.
///
/// A memory is brought to disk before the update that it belongs to enters the outbox, so that an update that counts
/// never finds its memory gone. All calls may come from any thread.
public final class AgentMemoryStore: @unchecked Sendable {
    // Sendable: `held` is used under the lock only.

    /// Jobs whose memories are kept; those of older jobs go when a new job's comes.
    private static let keptJobs = 4
    private let state: StateFolder?
    private let lock = MutexLock()
    private var held: [JobID: [UInt8]] = [:]

    /// Creates a store in a state folder, or one in memory.
    ///
    /// - Throws: ``LedgerError`` when the folder cannot be made.
    public init(in state: StateFolder? = nil) throws(LedgerError) {
        self.state = state
        guard let state else { return }
        try state.files.makeFolder("\(state.path)/memory")
        try state.files.synchronizeFolder(state.path)
    }

    private func path(_ job: JobID) -> String? { state.map { "\($0.path)/memory/\(job).state" } }

    /// Stores a job's memory in place of the one before; it survives a power failure when this returns.
    ///
    /// - Parameter write: called once, to append the bytes.
    /// - Throws: ``LedgerError``; the memory from before stays then.
    public func store(
        _ job: JobID,
        write: ((UnsafeRawBufferPointer) throws(LedgerError) -> Void) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        guard let state, let path = path(job) else {
            var bytes: [UInt8] = []
            try write { (piece) throws(LedgerError) in bytes += piece }
            return lock.withLock {
                held[job] = bytes
                for old in held.keys.sorted().dropLast(Self.keptJobs) { held[old] = nil }
            }
        }
        let partial = path + ".partial"
        let descriptor = try state.files.open(partial, create: true)
        defer { close(descriptor) }
        var offset = 0
        try write { (piece) throws(LedgerError) in
            try state.files.write(piece, at: offset, to: descriptor, partial)
            offset += piece.count
        }
        try state.files.resize(descriptor, to: offset, partial)
        try state.files.synchronize(descriptor, partial)
        try state.files.rename(partial, to: path)
        try state.files.synchronizeFolder("\(state.path)/memory")
        try removeOld(state)
    }

    private func removeOld(_ state: StateFolder) throws(LedgerError) {
        let jobs = try FileCalls.list("\(state.path)/memory").compactMap { Self.job($0.name) }.sorted()
        for job in jobs.dropLast(Self.keptJobs) { try state.files.remove("\(state.path)/memory/\(job).state") }
    }

    private static func job(_ name: String) -> JobID? {
        guard name.hasPrefix("job-"), name.hasSuffix(".state") else { return nil }
        return UInt64(name.dropFirst(4).dropLast(6)).map { JobID($0) }
    }

    /// The bytes of a job's memory; nil where there is none.
    ///
    /// - Throws: ``LedgerError`` when the file cannot be read.
    public func load(_ job: JobID) throws(LedgerError) -> [UInt8]? {
        guard let path = path(job) else { return lock.withLock { held[job] } }
        guard access(path, F_OK) == 0 else { return nil }
        let descriptor = try FileCalls.openForReading(path)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: try FileCalls.size(descriptor, path))
        let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(LedgerError) in
            try FileCalls.read(descriptor, at: 0, into: UnsafeMutableRawBufferPointer(buffer), path)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
