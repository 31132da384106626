// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Ledger
import ModelState
import Randomness
import RoundWork
import Rounds
import UpdateCoding

/// The accepted updates of a round, read from the spool.
struct SpooledUpdates: UpdateSet {
    let layout: TensorLayout
    let training: TrainingSpecification
    let updates: [AcceptedUpdate]
    let codec: any UpdateCodec
    let spool: Spool
    /// The seed that an agent coded its update with.
    let seed: @Sendable (UpdateKey) -> UInt64

    var count: Int { updates.count }

    func weight(at index: Int) -> Double { updates[index].weight }

    func metadata(at index: Int) -> UpdateMetadata { UpdateMetadata(updates[index], training) }

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        let update = updates[index]
        let source = try spool.reader(for: update)
        return try codec.makeDecoder(source, layout: layout, seed: Seed(seed(update.key)).deriving("code"))
    }
}
