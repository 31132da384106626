// SPDX-License-Identifier: Apache-2.0

import Rounds

/// An agent's virtual disk: its outbox.
///
/// An update is synced before the agent speaks of it, so it survives every crash.
final class AgentDisk {
    struct Item {
        let offer: UpdateOffer
        let bytes: [UInt8]
    }

    private(set) var outbox: [UpdateKey: Item] = [:]

    /// The offers that a new process finds, in order.
    var offers: [UpdateOffer] {
        outbox.sorted { $0.key < $1.key }.map(\.value.offer)
    }

    func put(_ offer: UpdateOffer, bytes: [UInt8]) {
        outbox[offer.key] = Item(offer: offer, bytes: bytes)
    }

    func remove(_ key: UpdateKey) {
        outbox[key] = nil
    }

    /// The machine comes back without its disk.
    func wipe() {
        outbox = [:]
    }
}
