// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// An outbox for an agent without a state folder: it survives a lost connection, not the end of the process.
public final class MemoryOutbox: UpdateOutbox {
    private final class Entries: @unchecked Sendable {
        // Safe: touched under the outbox's lock only.
        var byKey: [UpdateKey: (offer: UpdateOffer, bytes: Bytes)] = [:]
    }

    private final class Bytes: OutboxReader, @unchecked Sendable {
        // Safe: written before anybody else sees it.
        let memory: UnsafeMutableRawBufferPointer

        init(_ count: Int) {
            memory = .allocate(byteCount: count, alignment: 64)
        }

        deinit { memory.deallocate() }

        var byteCount: Int { memory.count }

        func slice(offset: Int, count: Int) -> ByteSlice {
            precondition(offset >= 0 && count >= 0 && offset <= byteCount - count, "a piece outside the update")
            return ByteSlice(UnsafeRawBufferPointer(rebasing: memory[offset..<(offset + count)]), owner: self)
        }
    }

    private let lock = MutexLock()
    private let entries = Entries()

    /// Creates an empty outbox.
    public init() {}

    /// Stores an update, in place of one with the same key; see ``UpdateOutbox/store(_:write:)``.
    public func store(_ offer: UpdateOffer, write: (Append) throws(LedgerError) -> Void) throws(LedgerError) {
        let bytes = Bytes(offer.byteCount)
        var filled = 0
        try write { (piece) throws(LedgerError) in
            guard piece.count <= bytes.byteCount - filled else {
                throw LedgerError.wrongLength(offer, filled + piece.count)
            }
            UnsafeMutableRawBufferPointer(rebasing: bytes.memory[filled...]).copyMemory(from: piece)
            filled += piece.count
        }
        guard filled == offer.byteCount else { throw LedgerError.wrongLength(offer, filled) }
        lock.withLock { entries.byKey[offer.key] = (offer, bytes) }
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
