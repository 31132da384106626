// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds
import UpdateCoding

/// A model on its way to this agent.
///
/// Bytes of fp32 go straight to where the elements will be used.
final class IncomingModel: @unchecked Sendable {
    // Sendable: filled on the loop, then handed to the training thread and not touched by the loop again.

    let reference: ModelReference
    private var elements: ParameterVector
    private var isDense: Bool { reference.codec == "fp32" }

    init(reference: ModelReference, memory: SpareModel) {
        self.reference = reference
        // Whole floats; the last may be partly filled by other codecs.
        elements = memory.take(count: (reference.byteCount + 3) / 4)
    }

    func store(_ slice: ByteSlice, at offset: Int) {
        precondition(
            offset >= 0 && offset + slice.count <= reference.byteCount,
            "the core lets only bytes in that belong"
        )
        elements.withMutableElements { floats in
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(floats)[offset...])
                .copyMemory(from: slice.bytes)
        }
    }

    /// The model, if the bytes are those that were promised; nil if they are damaged.
    func decode(layout: TensorLayout) -> ParameterVector? {
        let (all, owner) = elements.sharedBytes
        let bytes = UnsafeRawBufferPointer(rebasing: all[..<reference.byteCount])
        guard BlobDigest(hashing: bytes) == reference.digest else { return nil }
        if isDense {
            return elements.count == layout.elementCount ? elements : nil
        }
        do {
            let codec = try CodecRegistry.codec(reference.codec)
            let source = MemoryByteSource(bytes, owner: owner)
            let decoder = try codec.makeDecoder(source, layout: layout, seed: JobModel.codingSeed(reference.round))
            var vector = ParameterVector(zeros: layout.elementCount)
            try vector.withMutableElements { try decoder.decode(into: $0) }
            try decoder.finish()
            return vector
        } catch {
            return nil
        }
    }
}
