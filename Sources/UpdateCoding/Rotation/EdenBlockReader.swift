// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import Randomness

/// Decodes the blocks of one EDEN update.
final class EdenBlockReader: BlockReader {
    private let source: any UpdateByteSource
    private let codec: EdenCodec
    private let blocks: RotationBlocks
    private var rotation: SignedHadamard
    private let values: UnsafeMutablePointer<Float>
    private let codes: UnsafeMutablePointer<UInt8>
    private var position = 0
    private var index = 0

    init(source: any UpdateByteSource, codec: EdenCodec, elementCount: Int, seed: Seed) {
        self.source = source
        self.codec = codec
        blocks = RotationBlocks(elementCount: elementCount)
        rotation = SignedHadamard(seed: seed)
        values = .allocate(capacity: RotationBlocks.largest)
        codes = .allocate(capacity: RotationBlocks.largest)
    }

    deinit {
        values.deallocate()
        codes.deallocate()
    }

    var nextBlockCount: Int {
        position < blocks.elementCount
            ? min(blocks.length(at: position), blocks.elementCount - position) : 0
    }

    func readBlock(into block: UnsafeMutablePointer<Float>) throws(UpdateCodingError) {
        let count = nextBlockCount
        let length = blocks.length(at: position)
        let target = count == length ? block : values
        try decodeNext(length, into: target)
        if count < length { block.update(from: values, count: count) }
    }

    func readBlocks(into output: UnsafeMutablePointer<Float>, count: Int) throws(UpdateCodingError) -> Int {
        var done = 0
        while nextBlockCount > 0, nextBlockCount <= count - done {
            let block = nextBlockCount
            try readBlock(into: output + done)
            done += block
        }
        return done
    }

    func accumulateBlocks(
        weight: Double,
        into accumulator: UnsafeMutablePointer<Double>,
        count: Int
    ) throws(UpdateCodingError) -> Int {
        var done = 0
        while nextBlockCount > 0, nextBlockCount <= count - done {
            let block = nextBlockCount
            try decodeNext(blocks.length(at: position), into: values)
            VectorKernels.accumulate(
                UnsafeBufferPointer(start: values, count: block),
                weight: weight,
                into: UnsafeMutableBufferPointer(start: accumulator + done, count: block)
            )
            done += block
        }
        return done
    }

    /// Decodes the block at `position` with its padding, and moves on.
    private func decodeNext(_ length: Int, into target: UnsafeMutablePointer<Float>) throws(UpdateCodingError) {
        let bits = codec.bits(ofBlock: index)
        let scale = try source.readFiniteFloat("block scale")
        guard scale >= 0, scale < 0x1p100 else {
            throw UpdateCodingError(.malformed, "an eden block's scale is negative or past 2^100")
        }
        let bytes = try source.read(length / 8 * bits)
        codes.update(repeating: 0, count: length)
        var from = bytes.assumingMemoryBound(to: UInt8.self).baseAddress.unsafelyUnwrapped  // length is at least 64
        forEachField(ofCode: bits) { width, shift in
            cc_unpack(codes, from, Int32(width), Int32(shift), length)
            from += length / 8 * width
        }
        cc_lookup_values(target, codes, GaussianQuantizer.bits(bits).values, scale, length)
        rotation.unrotate(target, start: position, length: length)
        position += min(length, blocks.elementCount - position)
        index += 1
    }

    func finish() throws(UpdateCodingError) { try source.expectEnd() }
}
