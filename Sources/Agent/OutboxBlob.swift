// SPDX-License-Identifier: Apache-2.0

import Ledger
import Messaging
import Rounds

/// An update of the outbox, to be sent piece by piece.
final class OutboxBlob: BlobSource {
    private let entry: any OutboxReader

    init(_ entry: any OutboxReader) {
        self.entry = entry
    }

    var byteCount: Int { entry.byteCount }

    func slice(offset: Int, count: Int) throws -> ByteSlice {
        try entry.slice(offset: offset, count: count)
    }
}
