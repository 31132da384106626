// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import Rounds
import UpdateCoding

/// The update of a virtual client: its elements, or its coded bytes where coding loses something.
struct ClientUpdate: Sendable {
    enum Content: Sendable {
        case elements(ParameterVector)
        case coded([UInt8], seed: Seed)
    }

    let accepted: AcceptedUpdate
    let content: Content
}

/// Why a virtual client has no update.
struct ClientFailure: Error {
    let reason: ReasonCode
    let message: String
}

/// The updates of a round of virtual clients.
struct InHandUpdates: UpdateSet {
    let layout: TensorLayout
    let updates: [ClientUpdate]
    let codec: any UpdateCodec

    var count: Int { updates.count }

    func weight(at index: Int) -> Double { updates[index].accepted.weight }

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        switch updates[index].content {
        case .elements(let vector):
            let (bytes, owner) = vector.sharedBytes
            return try DenseFloatCodec().makeDecoder(
                MemoryByteSource(bytes, owner: owner),
                layout: layout,
                seed: Seed(0)
            )
        case .coded(let bytes, let seed):
            return try codec.makeDecoder(MemoryByteSource(bytes), layout: layout, seed: seed)
        }
    }
}
