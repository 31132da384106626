// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import Randomness

/// Decodes a dithered update: a chunk's symbols at a time to 64 KiB, and its coordinates from there as they are asked
/// for.
final class DitheredReader: BlockReader {
    private let source: any UpdateByteSource
    private let header: DitheredHeader
    private let key: UInt64
    private let elementCount: Int
    private let chunk: DitheredChunkDecoder
    /// Coordinates already handed out.
    private var position = 0
    /// Coordinates whose symbols are decoded.
    private var decoded = 0

    init(source: any UpdateByteSource, elementCount: Int, seed: Seed) throws(UpdateCodingError) {
        self.source = source
        self.elementCount = elementCount
        key = seed.deriving("dither").value
        header =
            elementCount == 0 && source.remainingByteCount == 0
            ? DitheredHeader.zero : try DitheredHeader(reading: source)
        chunk = DitheredChunkDecoder(header: header, key: key)
        if header.mode == .stored { try requireByteCount(source, elementCount * 4, codec: "stored ecdq") }
    }

    var nextBlockCount: Int { min(DitheredFormat.blockElements, elementCount - position) }

    func readBlock(into block: UnsafeMutablePointer<Float>) throws(UpdateCodingError) {
        let count = nextBlockCount
        try withUnsafeTemporaryBlock { (temporary) throws(UpdateCodingError) in
            try produce(blocks: 1, into: temporary, accumulator: nil, weight: 0, coordinates: count)
            block.update(from: temporary, count: count)
        }
    }

    private func withUnsafeTemporaryBlock(
        _ body: (UnsafeMutablePointer<Float>) throws(UpdateCodingError) -> Void
    ) throws(UpdateCodingError) {
        let temporary = UnsafeMutablePointer<Float>.allocate(capacity: DitheredFormat.blockElements)
        defer { temporary.deallocate() }
        try body(temporary)
    }

    func readBlocks(into output: UnsafeMutablePointer<Float>, count: Int) throws(UpdateCodingError) -> Int {
        let blocks = min(count, elementCount - position) / DitheredFormat.blockElements
        var done = 0
        while done < blocks {
            let part = try prepare(atMost: blocks - done)
            try produce(
                blocks: part,
                into: output + done * 64,
                accumulator: nil,
                weight: 0,
                coordinates: part * 64
            )
            done += part
        }
        return done * 64
    }

    func accumulateBlocks(
        weight: Double,
        into accumulator: UnsafeMutablePointer<Double>,
        count: Int
    ) throws(UpdateCodingError) -> Int {
        let blocks = min(count, elementCount - position) / DitheredFormat.blockElements
        var done = 0
        while done < blocks {
            let part = try prepare(atMost: blocks - done)
            try produce(
                blocks: part,
                into: nil,
                accumulator: accumulator + done * 64,
                weight: weight,
                coordinates: part * 64
            )
            done += part
        }
        return done * 64
    }

    /// Makes sure that symbols are there; returns the blocks, of `limit`, that lie in the current chunk.
    private func prepare(atMost limit: Int) throws(UpdateCodingError) -> Int {
        if position == decoded, header.mode == .unbiased || header.mode == .leastError {
            let count = min(DitheredFormat.chunkElements, elementCount - position)
            try chunk.decode(source, blocks: (count + 63) / 64)
            decoded += count
        }
        switch header.mode {
        case .unbiased, .leastError: return min(limit, (decoded - position + 63) / 64)
        case .stored, .zero: return min(limit, DitheredFormat.chunkBlocks)
        }
    }

    private func produce(
        blocks: Int,
        into output: UnsafeMutablePointer<Float>?,
        accumulator: UnsafeMutablePointer<Double>?,
        weight: Double,
        coordinates: Int
    ) throws(UpdateCodingError) {
        _ = try prepare(atMost: blocks)
        switch header.mode {
        case .unbiased, .leastError:
            let first = position / 64 % DitheredFormat.chunkBlocks
            chunk.rebuild(
                first..<(first + blocks),
                firstBlock: position / 64,
                into: output,
                accumulator: accumulator,
                weight: weight
            )
        case .stored:
            let bytes = try source.read(coordinates * 4)
            for index in 0..<coordinates {
                let value = Float(bitPattern: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
                if let output { output[index] = value }
                if let accumulator { accumulator[index] += weight * Double(value) }
            }
        case .zero:
            output?.update(repeating: 0, count: coordinates)
        }
        position += coordinates
    }

    func finish() throws(UpdateCodingError) { try source.expectEnd() }
}
