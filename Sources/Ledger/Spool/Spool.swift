// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Rounds

/// The offered updates whose bytes arrive or have arrived, one file each, in the folder `spool` of a state folder.
///
/// What was appended survives the death of the process; ``open(_:)`` says how much of an update is held. Files of
/// discarded updates are written over by later ones (``RecyclingLimits``). All calls may come from any thread; readers
/// go on while the spool does.
public final class Spool: Sendable {
    private final class Upload {
        let descriptor: Int32
        let path: String
        var header: SpoolHeader

        init(descriptor: Int32, path: String, header: SpoolHeader) {
            self.descriptor = descriptor
            self.path = path
            self.header = header
        }

        deinit { close(descriptor) }
    }

    private final class Uploads: @unchecked Sendable {
        // Safe: touched under the spool's lock only.
        var open: [UpdateKey: Upload] = [:]
    }

    private let folder: RecyclingFolder
    private let state: StateFolder
    private let lock = MutexLock()
    private let uploads = Uploads()

    /// Opens the spool of a state folder, or makes it.
    ///
    /// - Throws: ``LedgerError`` when the folder cannot be made or read.
    public init(in state: StateFolder, recycling: RecyclingLimits = RecyclingLimits()) throws(LedgerError) {
        self.state = state
        folder = try RecyclingFolder(path: "\(state.path)/spool", files: state.files, limits: recycling)
    }

    /// The updates of which something is held, in their order.
    public var keys: [UpdateKey] { folder.names.compactMap(UpdateFileName.key).sorted() }

    // MARK: - Writing

    /// Opens the file of an offered update, so that its bytes can be appended.
    ///
    /// A file of the same key, digest and size is continued; one of another digest or size is begun anew.
    /// - Returns: the bytes held already.
    /// - Throws: ``LedgerError``; what was held stays.
    public func open(_ offer: UpdateOffer) throws(LedgerError) -> Int {
        precondition(offer.byteCount >= 0, "an update cannot have a negative length")
        return try lock.withLock { () throws(LedgerError) in
            if let upload = uploads.open[offer.key] {
                if Self.isOf(upload.header, offer) { return upload.header.heldBytes }
                uploads.open[offer.key] = nil
            }
            let name = UpdateFileName.name(offer.key)
            let upload = folder.contains(name) ? try continued(name, offer) : try begun(name, offer)
            // A complete update gets no more bytes.
            if upload.header.heldBytes < offer.byteCount { uploads.open[offer.key] = upload }
            return upload.header.heldBytes
        }
    }

    private static func isOf(_ header: SpoolHeader, _ offer: UpdateOffer) -> Bool {
        header.digest == offer.digest && header.updateBytes == offer.byteCount
    }

    private func continued(_ name: String, _ offer: UpdateOffer) throws(LedgerError) -> Upload {
        let path = folder.path(of: name)
        let descriptor = try state.files.open(path, create: false)
        do throws(LedgerError) {
            if let header = try Self.header(descriptor, path), Self.isOf(header, offer),
                try FileCalls.size(descriptor, path) >= SpoolHeader.dataOffset + header.heldBytes
                    || header.heldBytes == 0
            {
                return Upload(descriptor: descriptor, path: path, header: header)
            }
        } catch {
            close(descriptor)
            throw error
        }
        // Not written over in place: somebody may be reading the other update.
        close(descriptor)
        try folder.discard(name)
        return try begun(name, offer)
    }

    private func begun(_ name: String, _ offer: UpdateOffer) throws(LedgerError) -> Upload {
        let header = SpoolHeader(digest: offer.digest, updateBytes: offer.byteCount)
        let claim = try folder.claim(byteCount: SpoolHeader.dataOffset + offer.byteCount)
        do throws(LedgerError) {
            // The header is the file's before the name is: a name never stands for the file's earlier life.
            try write(header.encoded, at: 0, to: claim.descriptor, claim.path)
            try folder.publish(claim, as: name)
        } catch {
            folder.giveBack(claim)
            throw error
        }
        return Upload(descriptor: claim.descriptor, path: folder.path(of: name), header: header)
    }

    private func write(_ bytes: [UInt8], at offset: Int, to descriptor: Int32, _ path: String) throws(LedgerError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(LedgerError) in
            try state.files.write(UnsafeRawBufferPointer(bytes), at: offset, to: descriptor, path)
        }
    }

    static func header(_ descriptor: Int32, _ path: String) throws(LedgerError) -> SpoolHeader? {
        try withUnsafeTemporaryAllocation(byteCount: SpoolHeader.byteCount, alignment: 8) {
            (buffer) throws(LedgerError) in
            let count = try FileCalls.read(descriptor, at: 0, into: buffer, path)
            return SpoolHeader(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Appends bytes to an open update.
    ///
    /// The file is closed with the update's last byte.
    ///
    /// - Parameter offset: where the bytes begin in the update: what is held.
    /// - Throws: ``LedgerError`` with code `outOfOrder` for bytes that do not continue what is held, `diskFull`,
    ///   `inputOutput`, ...; what was held stays, and the same call may succeed later.
    public func append(_ key: UpdateKey, offset: Int, _ bytes: UnsafeRawBufferPointer) throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            guard let upload = uploads.open[key] else {
                throw LedgerError(.outOfOrder, "the spool of \(key) is not open")
            }
            let held = upload.header.heldBytes
            guard offset == held, bytes.count <= upload.header.updateBytes - held else {
                throw LedgerError(
                    .outOfOrder,
                    "\(bytes.count) bytes at \(offset) do not continue the \(held) held of \(key)"
                )
            }
            try state.files.write(bytes, at: SpoolHeader.dataOffset + offset, to: upload.descriptor, upload.path)
            var next = upload.header
            let progress = next.advance(to: held + bytes.count)
            try write(progress.bytes, at: progress.offset, to: upload.descriptor, upload.path)
            upload.header = next
            if next.heldBytes == next.updateBytes { uploads.open[key] = nil }
        }
    }

    /// Closes an update's file and keeps what it holds.
    public func suspend(_ key: UpdateKey) {
        lock.withLock { uploads.open[key] = nil }
    }

    // MARK: - Ending

    /// Deletes what is held of an update, if anything is.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses; the update stays then.
    public func discard(_ key: UpdateKey) throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            uploads.open[key] = nil
            try folder.discard(UpdateFileName.name(key))
        }
    }

    /// Deletes what is held of the updates of one attempt at a round.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses.
    public func discard(job: JobID, round: RoundNumber, attempt: UInt32) throws(LedgerError) {
        try discard { $0.job == job && $0.round == round && $0.attempt == attempt }
    }

    /// Deletes what is held of a job's updates up to and including a round, which is durable.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses.
    public func discard(job: JobID, through round: RoundNumber) throws(LedgerError) {
        try discard { $0.job == job && $0.round <= round }
    }

    /// Deletes everything but the updates that are wanted, and files that are no updates.
    ///
    /// For the start of the program.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses.
    public func discardAll(except isWanted: (UpdateKey) -> Bool) throws(LedgerError) {
        for name in folder.names where UpdateFileName.key(name) == nil { try folder.remove(name) }
        try discard { !isWanted($0) }
    }

    private func discard(_ isUnwanted: (UpdateKey) -> Bool) throws(LedgerError) {
        var failure: LedgerError?
        for key in keys where isUnwanted(key) {
            do throws(LedgerError) { try discard(key) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    // MARK: - Reading

    /// Opens a complete update to read.
    ///
    /// - Throws: ``LedgerError`` with code `notFound` when not all bytes of an update with this digest are held.
    public func reader(for offer: UpdateOffer) throws(LedgerError) -> SpoolByteSource {
        try reader(offer.key, offer.digest, offer.byteCount)
    }

    /// Opens an accepted update to read.
    ///
    /// - Throws: ``LedgerError`` with code `notFound` when not all bytes of an update with this digest are held.
    public func reader(for update: AcceptedUpdate) throws(LedgerError) -> SpoolByteSource {
        try reader(update.key, update.digest, update.byteCount)
    }

    private func reader(_ key: UpdateKey, _ digest: BlobDigest, _ byteCount: Int) throws(LedgerError) -> SpoolByteSource
    {
        let lease = try folder.lease(UpdateFileName.name(key))
        guard let header = try Self.header(lease.descriptor, lease.path), header.digest == digest,
            header.updateBytes == byteCount, header.heldBytes == byteCount
        else {
            throw LedgerError(
                .notFound,
                "the spool does not hold all \(byteCount) bytes of \(key) with digest \(digest)"
            )
        }
        return SpoolByteSource(lease, byteCount: byteCount)
    }
}
