// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Keeps an agent's finished updates until their rounds are durable.
///
/// All calls may come from any thread.
public protocol UpdateOutbox: AnyObject, Sendable {
    /// Takes the bytes of a coded update, in order.
    typealias Append = (UnsafeRawBufferPointer) throws(LedgerError) -> Void

    /// Stores an update, in place of one with the same key. When this returns, the update survives what the outbox
    /// promises to survive.
    ///
    /// - Parameters:
    ///   - offer: describes the update; its `byteCount` is that of all appended bytes together.
    ///   - write: called once, to append the bytes.
    /// - Throws: ``LedgerError``, also with code `outOfOrder` when the bytes are more or fewer than offered. What was
    ///   stored under the key before stays then; only where the very last step fails is the new update stored in its
    ///   place, without the promise.
    func store(_ offer: UpdateOffer, write: (Append) throws(LedgerError) -> Void) throws(LedgerError)

    /// Stores an update whose bytes are in memory that stays what it is as long as its owner is held.
    ///
    /// - Throws: ``LedgerError`` as ``store(_:write:)``.
    func store(_ offer: UpdateOffer, sharing bytes: ByteSlice) throws(LedgerError)

    /// The stored updates, in the order of their keys.
    func list() -> [UpdateOffer]

    /// Opens an update to send its bytes.
    ///
    /// - Throws: ``LedgerError`` with code `notFound` when it is not stored.
    func reader(of key: UpdateKey) throws(LedgerError) -> any OutboxReader

    /// Deletes an update; nothing happens when it is not stored. Readers keep its bytes.
    ///
    /// - Throws: ``LedgerError`` when the operating system refuses; the update stays then.
    func forget(_ key: UpdateKey) throws(LedgerError)
}

extension UpdateOutbox {
    /// Stores a copy of an update whose bytes are in memory.
    ///
    /// - Throws: ``LedgerError`` as ``store(_:write:)``.
    public func store(_ offer: UpdateOffer, sharing bytes: ByteSlice) throws(LedgerError) {
        try store(offer, bytes: bytes.bytes)
        withExtendedLifetime(bytes) {}
    }

    /// Stores an update whose bytes are in memory.
    ///
    /// - Throws: ``LedgerError`` as ``store(_:write:)``.
    public func store(_ offer: UpdateOffer, bytes: UnsafeRawBufferPointer) throws(LedgerError) {
        try store(offer) { (append) throws(LedgerError) in try append(bytes) }
    }
}

/// Hands out pieces of a stored update, from any thread.
public protocol OutboxReader: AnyObject, Sendable {
    /// The bytes of the update.
    var byteCount: Int { get }

    /// A piece of the update; its bytes stay what they are for as long as the slice or its owner is held.
    ///
    /// - Precondition: the piece lies within the update.
    /// - Throws: ``LedgerError`` when it cannot be read.
    func slice(offset: Int, count: Int) throws(LedgerError) -> ByteSlice
}
