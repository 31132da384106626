// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Rounds

/// Keeps batches of samples, one file each: a coordinator those that it holds, an agent those that wait to be taken.
///
///     samples/job-1/AGENT/17.samples
///
/// A batch that was stored survives a power failure; one that was removed is unlinked, and its folder synced, when the
/// call returns. All calls may come from any thread; those for one agent come one after the other.
public final class SampleStore: Sendable {
    private let state: StateFolder
    private var root: String { "\(state.path)/samples" }

    /// Opens the store of a state folder.
    ///
    /// - Throws: ``LedgerError`` when the folder cannot be made.
    public init(in state: StateFolder) throws(LedgerError) {
        self.state = state
        try state.files.makeFolder("\(state.path)/samples")
        try state.files.synchronizeFolder(state.path)
    }

    private func folder(_ job: JobID, _ agent: AgentID) -> String { "\(root)/\(job)/\(agent)" }
    private func path(_ key: SampleKey) -> String { "\(folder(key.job, key.agent))/\(key.sequence).samples" }

    /// Stores a batch.
    ///
    /// - Throws: ``LedgerError``; nothing is stored then.
    public func store(_ key: SampleKey, _ bytes: [UInt8]) throws(LedgerError) {
        let folder = folder(key.job, key.agent)
        try state.files.makeFolder(folder)
        let path = path(key)
        let partial = path + ".partial"
        let descriptor = try state.files.open(partial, create: true)
        defer { close(descriptor) }
        try bytes.withUnsafeBufferPointer { (buffer) throws(LedgerError) in
            try state.files.write(UnsafeRawBufferPointer(buffer), at: 0, to: descriptor, partial)
        }
        try state.files.resize(descriptor, to: bytes.count, partial)
        try state.files.synchronize(descriptor, partial)
        try state.files.rename(partial, to: path)
        for parent in [folder, "\(root)/\(key.job)", root] { try state.files.synchronizeFolder(parent) }
    }

    /// The bytes of a batch.
    ///
    /// - Throws: ``LedgerError`` with code `notFound`, or what the operating system refused.
    public func load(_ key: SampleKey) throws(LedgerError) -> [UInt8] {
        let path = path(key)
        guard access(path, F_OK) == 0 else { throw LedgerError(.notFound, "the samples \(key) are not in \(path)") }
        let descriptor = try FileCalls.openForReading(path)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: try FileCalls.size(descriptor, path))
        let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(LedgerError) in
            try FileCalls.read(descriptor, at: 0, into: UnsafeMutableRawBufferPointer(buffer), path)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// Removes a batch, unless it is gone.
    ///
    /// - Throws: ``LedgerError``; it may still be there then.
    public func remove(_ key: SampleKey) throws(LedgerError) {
        try state.files.remove(path(key))
        guard access(folder(key.job, key.agent), F_OK) == 0 else { return }
        try state.files.synchronizeFolder(folder(key.job, key.agent))
    }

    /// Removes an agent's batches up to a sequence; gives their number.
    ///
    /// - Throws: ``LedgerError``; some of them may still be there then.
    @discardableResult
    public func remove(_ job: JobID, _ agent: AgentID, through sequence: UInt64) throws(LedgerError) -> Int {
        let folder = folder(job, agent)
        guard access(folder, F_OK) == 0 else { return 0 }
        var count = 0
        for file in try FileCalls.list(folder) {
            guard let number = Self.sequence(file.name), number <= sequence else { continue }
            try state.files.remove("\(folder)/\(file.name)")
            count += 1
        }
        try state.files.synchronizeFolder(folder)
        return count
    }

    /// The batches that are stored, in order.
    ///
    /// - Throws: ``LedgerError`` when a folder cannot be read.
    public func list() throws(LedgerError) -> [SampleKey] {
        var keys: [SampleKey] = []
        for job in try FileCalls.list(root) {
            guard let id = JobID(parsing: job.name) else { continue }
            for agent in try FileCalls.list("\(root)/\(job.name)") {
                guard let name = AgentID(agent.name) else { continue }
                for file in try FileCalls.list("\(root)/\(job.name)/\(agent.name)") {
                    guard file.name.hasSuffix(".samples"), let number = Self.sequence(file.name) else { continue }
                    keys.append(SampleKey(job: id, agent: name, sequence: number))
                }
            }
        }
        return keys.sorted()
    }

    /// Removes what nobody knows of: a deletion that a crash cut short is completed, and so is a batch that was stored
    /// but never accepted.
    ///
    /// - Throws: ``LedgerError``.
    public func keepOnly(_ known: Set<SampleKey>) throws(LedgerError) {
        for key in try list() where !known.contains(key) { try remove(key) }
    }

    /// The number of `17.samples` and of `17.samples.partial`.
    private static func sequence(_ name: String) -> UInt64? {
        guard let first = name.split(separator: ".").first, name.contains(".samples") else { return nil }
        return UInt64(first)
    }
}
