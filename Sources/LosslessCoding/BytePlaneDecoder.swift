// SPDX-License-Identifier: Apache-2.0

internal import CZstd
import ModelState
import UpdateCoding

/// Decodes a chunk of 2^16 coordinates at a time, into 256 KiB.
final class BytePlaneDecoder: UpdateDecoder {
    private let source: any UpdateByteSource
    private let elementCount: Int
    private var decoded = 0
    private var chunk: [UInt32] = []
    private var next = 0
    private var plane: [UInt8] = []

    init(source: any UpdateByteSource, elementCount: Int) {
        self.source = source
        self.elementCount = elementCount
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        var done = 0
        while done < block.count {
            if next == chunk.count { try readChunk() }
            let count = min(block.count - done, chunk.count - next)
            for index in 0..<count { block[done + index] = Float(bitPattern: chunk[next + index]) }
            done += count
            next += count
        }
    }

    private func readChunk() throws(UpdateCodingError) {
        precondition(decoded < elementCount, "more coordinates were asked for than the layout has")
        let count = min(BytePlaneCodec.chunkElements, elementCount - decoded)
        var lengths: [Int] = []
        for _ in 0..<4 { lengths.append(try PlaneLength.read(source, limit: count)) }
        chunk = [UInt32](repeating: 0, count: count)
        plane = [UInt8](repeating: 0, count: count)
        for (index, length) in lengths.enumerated() {
            let bytes = try source.read(length)
            if length == count {
                plane.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
            } else {
                // The output buffer is the plane: a frame that claims more is refused by zstd, not allocated for.
                let written = ZSTD_decompress(&plane, count, bytes.baseAddress, length)
                guard ZSTD_isError(written) == 0, written == count else {
                    throw UpdateCodingError(
                        .malformed,
                        "a plane of a lossless update is not a zstd frame of its coordinates"
                    )
                }
            }
            let shift = UInt32(8 * index)
            for position in 0..<count { chunk[position] |= UInt32(plane[position]) << shift }
        }
        decoded += count
        next = 0
    }

    func finish() throws(UpdateCodingError) {
        guard source.remainingByteCount == 0 else {
            throw UpdateCodingError(.trailingBytes, "\(source.remainingByteCount) bytes follow the coded update")
        }
    }
}
