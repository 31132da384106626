// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// An outbox for an agent without a state folder: it survives a lost connection, not the end of the process.
public final class MemoryOutbox: UpdateOutbox {
    private final class Entries: @unchecked Sendable {
        // Safe: touched under the outbox's lock only.
        var byKey: [UpdateKey: (offer: UpdateOffer, bytes: Bytes)] = [:]
    }

    private final class Bytes: OutboxReader {
        private let content: ByteSlice

        init(_ content: ByteSlice) {
            self.content = content
        }

        var byteCount: Int { content.count }

        func slice(offset: Int, count: Int) -> ByteSlice {
            precondition(offset >= 0 && count >= 0 && offset <= byteCount - count, "a piece outside the update")
            let piece = UnsafeRawBufferPointer(rebasing: content.bytes[offset..<(offset + count)])
            return ByteSlice(piece, owner: content.owner)
        }
    }

    private let lock = MutexLock()
    private let entries = Entries()

    /// Creates an empty outbox.
    public init() {}

    /// Stores an update, in place of one with the same key; see ``UpdateOutbox/store(_:write:)``.
    public func store(_ offer: UpdateOffer, write: (Append) throws(LedgerError) -> Void) throws(LedgerError) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(offer.byteCount)
        try write { (piece) throws(LedgerError) in
            guard piece.count <= offer.byteCount - bytes.count else {
                throw LedgerError.wrongLength(offer, bytes.count + piece.count)
            }
            bytes.append(contentsOf: piece)
        }
        try store(offer, sharing: ByteSlice(copying: bytes))
    }

    /// Stores an update without copying its bytes.
    public func store(_ offer: UpdateOffer, sharing bytes: ByteSlice) throws(LedgerError) {
        guard bytes.count == offer.byteCount else { throw LedgerError.wrongLength(offer, bytes.count) }
        lock.withLock { entries.byKey[offer.key] = (offer, Bytes(bytes)) }
    }

    /// The stored updates, in the order of their keys.
    public func list() -> [UpdateOffer] {
        lock.withLock { entries.byKey.values.map(\.offer).sorted { $0.key < $1.key } }
    }

    /// Opens an update to send its bytes; ``LedgerError`` with code `notFound` when it is not stored.
    public func reader(of key: UpdateKey) throws(LedgerError) -> any OutboxReader {
        guard let entry = lock.withLock({ entries.byKey[key] }) else {
            throw LedgerError(.notFound, "the outbox has no update \(key)")
        }
        return entry.bytes
    }

    /// Deletes an update; nothing happens when it is not stored.
    public func forget(_ key: UpdateKey) throws(LedgerError) {
        // The bytes are freed outside the lock.
        let removed = lock.withLock { entries.byKey.removeValue(forKey: key) }
        withExtendedLifetime(removed) {}
    }
}

extension LedgerError {
    static func wrongLength(_ offer: UpdateOffer, _ count: Int) -> LedgerError {
        LedgerError(.outOfOrder, "\(count) bytes of the update \(offer.key) instead of \(offer.byteCount)")
    }
}
