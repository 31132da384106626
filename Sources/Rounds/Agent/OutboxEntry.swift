// SPDX-License-Identifier: Apache-2.0

/// A finished update that the agent keeps until its round is durable.
struct OutboxEntry: Sendable {
    enum State: Sendable, Equatable {
        /// Not offered on this connection.
        case kept
        /// Offered; no answer yet.
        case offered
        /// Its bytes are being sent.
        case uploading
        /// Counts, but may still have to be offered again after a crash of the coordinator.
        case accepted
    }

    var offer: UpdateOffer
    var state = State.kept
    /// When it is to be offered again after the coordinator could not store it.
    var retryAt: Instant?
}
