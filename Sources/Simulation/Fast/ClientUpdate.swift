// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Randomness
import RoundWork
import Rounds
import UpdateCoding

/// The update of a virtual client: its elements, or its coded bytes where coding loses something.
struct ClientUpdate: Sendable {
    enum Content: Sendable {
        case elements(ParameterVector)
        case coded(ByteSlice, seed: Seed)
    }

    var accepted: AcceptedUpdate
    let content: Content
    /// What the client remembers if the update counts; nil where clients remember nothing.
    let memory: ClientMemory?

    /// The elements, where they were not coded.
    var elements: ParameterVector? {
        guard case .elements(let vector) = content else { return nil }
        return vector
    }

    /// The same update with what the job's machine knows of it.
    func counting(as accepted: AcceptedUpdate) -> ClientUpdate {
        var update = self
        update.accepted = accepted
        return update
    }
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
    let training: TrainingSpecification

    var count: Int { updates.count }

    func weight(at index: Int) -> Double { updates[index].accepted.weight }

    func metadata(at index: Int) -> UpdateMetadata { UpdateMetadata(updates[index].accepted, training) }

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
            let source = MemoryByteSource(bytes.bytes, owner: bytes.owner)
            return try codec.makeDecoder(source, layout: layout, seed: seed)
        }
    }
}
