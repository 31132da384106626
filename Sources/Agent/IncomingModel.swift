// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

/// A part of a model on its way to this agent.
///
/// Bytes of fp32 go straight to where the elements will be used.
final class IncomingModel: @unchecked Sendable {
    // Sendable: filled on the loop, then handed to the training thread and not touched by the loop again.

    let part: ModelReference.Part
    private var elements: ParameterVector
    private var isDense: Bool { part.codec == "fp32" }

    init(part: ModelReference.Part, memory: SpareModel) {
        self.part = part
        // Whole floats; the last may be partly filled by other codecs.
        elements = memory.take(count: (part.byteCount + 3) / 4)
    }

    func store(_ slice: ByteSlice, at offset: Int) {
        precondition(
            offset >= 0 && offset + slice.count <= part.byteCount,
            "the core lets only bytes in that belong"
        )
        elements.withMutableElements { floats in
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(floats)[offset...])
                .copyMemory(from: slice.bytes)
        }
    }

    /// The part's elements, if the bytes are those that were promised; nil if they are damaged.
    func decode(layout: TensorLayout) -> ParameterVector? {
        let (all, owner) = elements.sharedBytes
        let bytes = UnsafeRawBufferPointer(rebasing: all[..<part.byteCount])
        guard BlobDigest(hashing: bytes) == part.digest else { return nil }
        if isDense {
            return elements.count == layout.elementCount ? elements : nil
        }
        return try? ModelPart.decode(part, ByteSlice(bytes, owner: owner), layout: layout)
    }
}
