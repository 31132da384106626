// SPDX-License-Identifier: Apache-2.0

import Messaging
import ModelState
import Rounds

/// The elements of a checkpoint, to be sent piece by piece: a model that is not in memory any more.
final class CheckpointBlob: BlobSource {
    private let file: SafetensorsFile

    init(path: String) throws {
        file = try SafetensorsFile(path: path)
    }

    var byteCount: Int { file.layout.byteCount }

    /// Reads a piece from the file, which the page cache still holds when the round is fresh.
    func slice(offset: Int, count: Int) throws -> ByteSlice {
        let stride = MemoryLayout<Float>.stride
        let elements = offset / stride..<(offset + count + stride - 1) / stride
        var piece = ParameterVector(zeros: elements.count)
        try piece.withMutableElements { try file.read(elements, into: $0) }
        let (bytes, owner) = piece.sharedBytes
        let start = offset - elements.lowerBound * stride
        return ByteSlice(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]), owner: owner)
    }
}
