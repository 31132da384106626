// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Rounds

/// An outbox on disk, in the folder `outbox` of a state folder: an update survives a power failure from the moment that
/// ``store(_:write:)`` returned.
///
/// An update is written under a name of the pool, brought to disk, and renamed: it is complete or absent.
public final class Outbox: UpdateOutbox {
    private final class Entries: @unchecked Sendable {
        // Safe: touched under the outbox's lock only.
        var offers: [UpdateKey: UpdateOffer] = [:]
    }

    /// One line for the log for each damaged update that was removed when the outbox was opened.
    public let repairs: [String]
    private let folder: RecyclingFolder
    private let state: StateFolder
    private let lock = MutexLock()
    private let entries = Entries()

    /// Opens the outbox of a state folder, or makes it; removes damaged updates.
    ///
    /// - Throws: ``LedgerError`` when the folder or a file in it cannot be read.
    public init(in state: StateFolder, recycling: RecyclingLimits = RecyclingLimits(files: 4)) throws(LedgerError) {
        self.state = state
        let folder = try RecyclingFolder(path: "\(state.path)/outbox", files: state.files, limits: recycling)
        try state.files.synchronizeFolder(state.path)
        var repairs: [String] = []
        for name in folder.names {
            if let offer = try Self.offer(folder.path(of: name)), UpdateFileName.name(offer.key) == name {
                entries.offers[offer.key] = offer
            } else {
                try folder.remove(name)
                repairs.append(
                    "removed the damaged file \(folder.path(of: name)) from the outbox; its task is done again"
                )
            }
        }
        self.folder = folder
        self.repairs = repairs
    }

    /// The offer of a file that is whole.
    private static func offer(_ path: String) throws(LedgerError) -> UpdateOffer? {
        let descriptor = try FileCalls.openForReading(path)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: OutboxHeader.byteCount)
        let count = try bytes.withUnsafeMutableBufferPointer { (bytes) throws(LedgerError) in
            try FileCalls.read(descriptor, at: 0, into: UnsafeMutableRawBufferPointer(bytes), path)
        }
        guard count == bytes.count, let offer = OutboxHeader.decode(bytes),
            try FileCalls.size(descriptor, path) - OutboxHeader.byteCount >= offer.byteCount
        else { return nil }
        return offer
    }

    /// Stores an update, in place of one with the same key; see ``UpdateOutbox/store(_:write:)``.
    public func store(_ offer: UpdateOffer, write: (Append) throws(LedgerError) -> Void) throws(LedgerError) {
        precondition(offer.byteCount >= 0, "an update cannot have a negative length")
        let header = try OutboxHeader.encode(offer)
        let claim = try folder.claim(byteCount: OutboxHeader.byteCount + offer.byteCount)
        let name = UpdateFileName.name(offer.key)
        do throws(LedgerError) {
            try header.withUnsafeBufferPointer { (bytes) throws(LedgerError) in
                try state.files.write(UnsafeRawBufferPointer(bytes), at: 0, to: claim.descriptor, claim.path)
            }
            var filled = 0
            try write { (piece) throws(LedgerError) in
                guard piece.count <= offer.byteCount - filled else {
                    throw LedgerError.wrongLength(offer, filled + piece.count)
                }
                try state.files.write(
                    piece,
                    at: OutboxHeader.byteCount + filled,
                    to: claim.descriptor,
                    claim.path
                )
                filled += piece.count
            }
            guard filled == offer.byteCount else { throw LedgerError.wrongLength(offer, filled) }
            try state.files.synchronize(claim.descriptor, claim.path)
            try folder.publish(claim, as: name)
        } catch {
            folder.giveBack(claim)
            throw error
        }
        close(claim.descriptor)
        // From here on the update is complete and offered; if this last step fails, only a power failure can take it.
        lock.withLock { entries.offers[offer.key] = offer }
        try state.files.synchronizeFolder(folder.path)
    }

    /// The stored updates, in the order of their keys.
    public func list() -> [UpdateOffer] {
        lock.withLock { entries.offers.values.sorted { $0.key < $1.key } }
    }

    /// Opens an update to send its bytes; ``LedgerError`` with code `notFound` when it is not stored.
    public func reader(of key: UpdateKey) throws(LedgerError) -> any OutboxReader {
        guard let offer = lock.withLock({ entries.offers[key] }) else {
            throw LedgerError(.notFound, "the outbox has no update \(key)")
        }
        return OutboxFileReader(try folder.lease(UpdateFileName.name(key)), byteCount: offer.byteCount)
    }

    /// Deletes an update; nothing happens when it is not stored.
    public func forget(_ key: UpdateKey) throws(LedgerError) {
        try folder.discard(UpdateFileName.name(key))
        lock.withLock { entries.offers[key] = nil }
    }
}
