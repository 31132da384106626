// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import ModelState
public import Rounds

/// A model that was read from a checkpoint.
public struct Checkpoint: Sendable {
    /// The model's tensors.
    public var layout: TensorLayout
    /// The model's elements.
    public var model: ParameterVector
    /// What was noted with it.
    public var metadata: [String: String]
}

/// The models of committed rounds, `jobs/job-1/round-000012.safetensors` in a state folder, the newest few of each job.
///
/// A file under such a name was written to its end. It survives the death of the process from then on, and a power
/// failure once ``synchronize(_:_:)`` returned; a power failure before that can leave a file with wrong elements, which
/// the digest of the round in the journal uncovers (see ``Ledger/isFirstOpenSinceBoot``). The oldest file is written
/// over by a later checkpoint, but never while this object reads it. All calls may come from any thread, but one job's
/// checkpoints are written one after the other.
public final class CheckpointStore: Sendable {
    private final class Contents: @unchecked Sendable {
        // Safe: touched under the store's lock only.
        var folders: [JobID: RecyclingFolder] = [:]
        var synchronizedFolders: Set<JobID> = []
        var lost: [JobID: Set<RoundNumber>] = [:]
    }

    /// The checkpoints kept of each job.
    public let keptCount: Int
    private let path: String
    private let state: StateFolder
    private let lock = MutexLock()
    private let contents = Contents()

    /// Opens the checkpoints of a state folder.
    ///
    /// - Parameter keeping: the checkpoints kept of each job, 1 or more.
    /// - Throws: ``LedgerError`` when the folder cannot be made.
    public init(in state: StateFolder, keeping: Int = 3) throws(LedgerError) {
        precondition(keeping >= 1, "a job keeps at least its newest checkpoint")
        self.state = state
        keptCount = keeping
        path = "\(state.path)/jobs"
        try state.files.makeFolder(path)
    }

    func folder(_ job: JobID) throws(LedgerError) -> RecyclingFolder {
        try lock.withLock { () throws(LedgerError) in
            if let known = contents.folders[job] { return known }
            let limits = RecyclingLimits(files: 1, bytes: .max)
            let folder = try RecyclingFolder(path: "\(path)/\(job)", files: state.files, limits: limits)
            contents.folders[job] = folder
            return folder
        }
    }

    private static let prefix = "round-"
    private static let suffix = ".safetensors"

    static func name(_ round: RoundNumber) -> String {
        let digits = String(round.value)
        return prefix + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + suffix
    }

    private static func round(_ name: String) -> RoundNumber? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix),
            let value = UInt32(name.dropFirst(prefix.count).dropLast(suffix.count)),
            Self.name(RoundNumber(value)) == name
        else { return nil }
        return RoundNumber(value)
    }

    /// Where a round's checkpoint lies, or would lie.
    ///
    /// The file is written over when the round is one of the oldest; ``export(_:_:to:)`` makes a copy that stays.
    public func path(of job: JobID, _ round: RoundNumber) -> String { "\(path)/\(job)/\(Self.name(round))" }

    /// The rounds of a job that have a checkpoint, in their order.
    ///
    /// - Throws: ``LedgerError`` when the folder cannot be read.
    public func rounds(of job: JobID) throws(LedgerError) -> [RoundNumber] {
        try folder(job).names.compactMap(Self.round).sorted()
    }

    /// The newest round of a job that has a checkpoint.
    ///
    /// - Throws: ``LedgerError`` when the folder cannot be read.
    public func latest(of job: JobID) throws(LedgerError) -> RoundNumber? { try rounds(of: job).last }

    // MARK: - Writing

    /// Begins a checkpoint; it is there when the writer's ``CheckpointWriter/finish()`` returned.
    ///
    /// - Throws: ``LedgerError`` when the file cannot be written, or with code `corrupt` for a tensor's name that
    ///   cannot be stored.
    public func begin(
        _ job: JobID,
        _ round: RoundNumber,
        layout: TensorLayout,
        metadata: [String: String] = [:]
    ) throws(LedgerError) -> CheckpointWriter {
        let header: SafetensorsHeader
        do throws(ModelStateError) {
            header = try SafetensorsHeader(layout: layout, metadata: metadata)
        } catch {
            throw LedgerError(error)
        }
        return try CheckpointWriter(folder: folder(job), name: Self.name(round), header: header) {
            [self] () throws(LedgerError) in
            lock.withLock { _ = contents.lost[job]?.remove(round) }
            try removeOld(job)
        }
    }

    private func removeOld(_ job: JobID) throws(LedgerError) {
        let folder = try folder(job)
        for round in folder.names.compactMap(Self.round).sorted().dropLast(keptCount) {
            try folder.discard(Self.name(round))
            try folder.discard(Self.stateName(round))
        }
    }

    /// Waits until a round's checkpoint is on the disk.
    ///
    /// For a worker thread.
    ///
    /// - Throws: ``LedgerError`` with code `notFound`, or of what the device refused. After a device refused once, the
    ///   checkpoint counts as lost, since the operating system reports a failed write once only; a later round's makes
    ///   up for it.
    public func synchronize(_ job: JobID, _ round: RoundNumber) throws(LedgerError) {
        let folder = try folder(job)
        let lease = try folder.lease(Self.name(round))
        let isLost = lock.withLock { contents.lost[job]?.contains(round) ?? false }
        guard !isLost else {
            throw LedgerError(.inputOutput, "\(lease.path) could not be brought to disk before; a later round's may be")
        }
        do throws(LedgerError) {
            try state.files.synchronize(lease.descriptor, lease.path)
            if folder.contains(Self.stateName(round)) {
                let beside = try folder.lease(Self.stateName(round))
                try state.files.synchronize(beside.descriptor, beside.path)
            }
        } catch {
            lock.withLock { _ = contents.lost[job, default: []].insert(round) }
            throw error
        }
        try state.files.synchronizeFolder(folder.path)
        if !lock.withLock({ contents.synchronizedFolders.contains(job) }) {
            try state.files.synchronizeFolder(path)
            try state.files.synchronizeFolder(state.path)
            lock.withLock { _ = contents.synchronizedFolders.insert(job) }
        }
    }

    /// Deletes a round's checkpoint, as one that a power failure damaged.
    ///
    /// Nothing happens where there is none.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses.
    public func discard(_ job: JobID, _ round: RoundNumber) throws(LedgerError) {
        try folder(job).discard(Self.name(round))
        try folder(job).discard(Self.stateName(round))
    }

    /// Frees what only further checkpoints of the job would need.
    ///
    /// Its checkpoints stay.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses.
    public func release(_ job: JobID) throws(LedgerError) {
        try folder(job).drainPool()
    }

    // MARK: - Reading

    /// Reads a round's model.
    ///
    /// - Throws: ``LedgerError`` with code `notFound` where there is no checkpoint, `corrupt` where its file is
    ///   damaged.
    public func load(_ job: JobID, _ round: RoundNumber) throws(LedgerError) -> Checkpoint {
        let lease = try folder(job).lease(Self.name(round))
        defer { withExtendedLifetime(lease) {} }
        do throws(ModelStateError) {
            let file = try SafetensorsFile(path: lease.path)
            return Checkpoint(layout: file.layout, model: try file.readVector(), metadata: file.header.metadata)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Copies a round's checkpoint to any place, durably, replacing what is there.
    ///
    /// - Throws: ``LedgerError`` as ``load(_:_:)``, or when the copy cannot be written.
    public func export(_ job: JobID, _ round: RoundNumber, to target: String) throws(LedgerError) {
        let lease = try folder(job).lease(Self.name(round))
        let partial = "\(target).partial"
        let descriptor = try state.files.open(partial, create: true)
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        var offset = 0
        while case let count = try FileCalls.read(lease.descriptor, at: offset, into: buffer, lease.path), count > 0 {
            try state.files.write(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                at: offset,
                to: descriptor,
                partial
            )
            offset += count
        }
        try state.files.resize(descriptor, to: offset, partial)
        try state.files.synchronize(descriptor, partial)
        try state.files.rename(partial, to: target)
        let slash = target.lastIndex(of: "/")
        try state.files.synchronizeFolder(slash.map { target[..<$0].isEmpty ? "/" : String(target[..<$0]) } ?? ".")
    }
}
