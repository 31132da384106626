// SPDX-License-Identifier: Apache-2.0

/// The updates that are on their way to the coordinator, at most one for each key.
struct UploadTable: Sendable {
    enum State: Sendable {
        /// Waits until fewer uploads are under way.
        case waiting
        /// The spool is being opened.
        case opening
        /// Bytes are coming; so many are spooled.
        case receiving(transfer: UInt64, heldBytes: Int)
        /// All bytes are there and are being checked.
        case checking
    }

    struct Upload: Sendable {
        var offer: UpdateOffer
        /// The connection on which it was offered; nil once that ended (a check goes on without it).
        var connection: ConnectionID?
        var state: State
        /// Whether its bytes were already asked for a second time because of damage.
        var isRetry = false
    }

    private(set) var uploads: [UpdateKey: Upload] = [:]
    private var keysByTransfer: [UInt64: UpdateKey] = [:]
    private var lastTransfer: UInt64 = 0
    private(set) var waiting: [UpdateKey] = []
    private(set) var activeCount = 0

    subscript(key: UpdateKey) -> Upload? { uploads[key] }

    func key(ofTransfer transfer: UInt64) -> UpdateKey? { keysByTransfer[transfer] }

    /// Adds an offer, to be opened now or later.
    mutating func add(_ offer: UpdateOffer, on connection: ConnectionID) {
        precondition(uploads[offer.key] == nil, "an update is on its way once")
        uploads[offer.key] = Upload(offer: offer, connection: connection, state: .waiting)
        waiting.append(offer.key)
    }

    /// The next offer that may be opened, if fewer than `limit` are under way.
    mutating func openNext(limit: Int) -> UpdateOffer? {
        guard activeCount < limit, !waiting.isEmpty else { return nil }
        let key = waiting.removeFirst()
        guard let offer = uploads[key]?.offer else { preconditionFailure("a waiting upload is in the table") }
        uploads[key]?.state = .opening
        activeCount += 1
        return offer
    }

    /// Begins to receive; gives the transfer's number.
    mutating func receive(_ key: UpdateKey, from heldBytes: Int) -> UInt64 {
        lastTransfer += 1
        forgetTransfer(of: key)
        keysByTransfer[lastTransfer] = key
        uploads[key]?.state = .receiving(transfer: lastTransfer, heldBytes: heldBytes)
        return lastTransfer
    }

    mutating func advance(_ key: UpdateKey, transfer: UInt64, to heldBytes: Int) {
        uploads[key]?.state = .receiving(transfer: transfer, heldBytes: heldBytes)
    }

    mutating func check(_ key: UpdateKey) {
        forgetTransfer(of: key)
        uploads[key]?.state = .checking
    }

    mutating func markRetry(_ key: UpdateKey) {
        uploads[key]?.isRetry = true
        uploads[key]?.state = .opening
    }

    /// Moves an upload under way to another connection of the same agent.
    mutating func reconnect(_ key: UpdateKey, to connection: ConnectionID) {
        uploads[key]?.connection = connection
    }

    mutating func remove(_ key: UpdateKey) {
        forgetTransfer(of: key)
        guard let upload = uploads.removeValue(forKey: key) else { return }
        if case .waiting = upload.state {
            waiting.removeAll { $0 == key }
        } else {
            activeCount -= 1
        }
    }

    /// Takes out what was coming over a connection that ended; gives the keys whose spools are open.
    /// Complete updates stay: their check goes on.
    mutating func suspend(_ connection: ConnectionID) -> [UpdateKey] {
        var suspended: [UpdateKey] = []
        for (key, upload) in uploads.filter({ $0.value.connection == connection }).sorted(by: { $0.key < $1.key }) {
            switch upload.state {
            case .checking:
                uploads[key]?.connection = nil
            case .waiting:
                remove(key)
            case .opening, .receiving:
                remove(key)
                suspended.append(key)
            }
        }
        return suspended
    }

    /// The updates of a job that are on their way, in order.
    func keys(of job: JobID) -> [UpdateKey] {
        uploads.keys.filter { $0.job == job }.sorted()
    }

    private mutating func forgetTransfer(of key: UpdateKey) {
        if case .receiving(let transfer, _) = uploads[key]?.state { keysByTransfer[transfer] = nil }
    }
}
