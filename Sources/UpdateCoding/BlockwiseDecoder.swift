// SPDX-License-Identifier: Apache-2.0

import ModelState

/// What a codec of fixed blocks supplies to ``BlockwiseDecoder``: coordinates in units of whole blocks.
protocol BlockReader: AnyObject {
    /// The coordinates of the next block, and of all others until ``advance()`` says differently; at least 1.
    var nextBlockCount: Int { get }

    /// Decodes the next block of ``nextBlockCount`` coordinates.
    func readBlock(into block: UnsafeMutablePointer<Float>) throws(UpdateCodingError)

    /// Decodes whole blocks, as many as fit in `count`, straight to the caller's memory; returns the coordinates done.
    func readBlocks(into output: UnsafeMutablePointer<Float>, count: Int) throws(UpdateCodingError) -> Int

    /// Accumulates whole blocks, as many as fit in `count`; returns the coordinates done.
    func accumulateBlocks(
        weight: Double,
        into accumulator: UnsafeMutablePointer<Double>,
        count: Int
    ) throws(UpdateCodingError) -> Int

    /// Checks that the bytes end here.
    func finish() throws(UpdateCodingError)
}

/// Cuts the blocks of a ``BlockReader`` to whatever lengths the caller asks for.
///
/// Whole blocks go straight to the caller; only a block that straddles two calls is kept, in a buffer of one block.
final class BlockwiseDecoder: UpdateDecoder {
    private let reader: any BlockReader
    private let spare: UnsafeMutableBufferPointer<Float>
    private var spareStart = 0
    private var spareEnd = 0

    init(reader: any BlockReader, largestBlock: Int) {
        self.reader = reader
        spare = .allocate(capacity: max(largestBlock, 1))
    }

    deinit { spare.deallocate() }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        guard let to = block.baseAddress else { return }
        var done = 0
        while done < block.count {
            if spareStart == spareEnd {
                done += try reader.readBlocks(into: to + done, count: block.count - done)
                if done == block.count { return }
                try refill()
            }
            let piece = takeSpare(atMost: block.count - done)
            (to + done).update(from: piece.baseAddress.unsafelyUnwrapped, count: piece.count)  // never empty here
            done += piece.count
        }
    }

    func accumulate(
        weight: Double,
        into accumulator: UnsafeMutableBufferPointer<Double>
    ) throws(UpdateCodingError) {
        guard let to = accumulator.baseAddress else { return }
        var done = 0
        while done < accumulator.count {
            if spareStart == spareEnd {
                done += try reader.accumulateBlocks(weight: weight, into: to + done, count: accumulator.count - done)
                if done == accumulator.count { return }
                try refill()
            }
            let piece = takeSpare(atMost: accumulator.count - done)
            let target = UnsafeMutableBufferPointer(start: to + done, count: piece.count)
            VectorKernels.accumulate(piece, weight: weight, into: target)
            done += piece.count
        }
    }

    func finish() throws(UpdateCodingError) { try reader.finish() }

    private func refill() throws(UpdateCodingError) {
        let count = reader.nextBlockCount
        precondition(count > 0 && count <= spare.count, "more coordinates were asked for than the layout has")
        try reader.readBlock(into: spare.baseAddress.unsafelyUnwrapped)  // allocated with at least one element
        spareStart = 0
        spareEnd = count
    }

    private func takeSpare(atMost limit: Int) -> UnsafeBufferPointer<Float> {
        let count = min(limit, spareEnd - spareStart)
        defer { spareStart += count }
        return UnsafeBufferPointer(rebasing: spare[spareStart..<(spareStart + count)])
    }
}
