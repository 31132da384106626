// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Holds the symbols of one chunk and turns them back to coordinates.
final class DitheredChunkDecoder {
    private let classes: [CodedClass]
    private let steps: [Float]
    private let key: UInt64
    private let symbols: UnsafeMutablePointer<Int8>
    private let blockSteps: UnsafeMutablePointer<Float>
    private let classOfBlock: UnsafeMutableBufferPointer<UInt8>
    private let slots: UnsafeMutablePointer<UInt32>
    /// The whole quotients of blocks that do not fit bytes: with raw bits or escapes.
    private var wide: [Int32] = []
    /// For each block the first of its quotients in ``wide``, or -1.
    private var wideStart = [Int](repeating: -1, count: DitheredFormat.chunkBlocks)
    private var hasWide = false

    init(header: DitheredHeader, key: UInt64) {
        classes = header.classes.map(CodedClass.init)
        steps = [0] + header.classes.map { header.mode == .leastError ? header.step * $0.wienerFactor : header.step }
        self.key = key
        symbols = .allocate(capacity: DitheredFormat.chunkElements)
        blockSteps = .allocate(capacity: DitheredFormat.chunkBlocks)
        classOfBlock = .allocate(capacity: DitheredFormat.chunkBlocks)
        slots = .allocate(capacity: SymbolModel.total)
    }

    deinit {
        symbols.deallocate()
        blockSteps.deallocate()
        classOfBlock.deallocate()
        slots.deallocate()
    }

    /// Reads the next chunk, of `blocks` blocks.
    func decode(_ source: any UpdateByteSource, blocks: Int) throws(UpdateCodingError) {
        // 16 bits of each symbol, 27 of each escape and 22 raw bits bound what a chunk can need.
        let count = try source.readVariable(limit: UInt64(9 * DitheredFormat.chunkElements), "chunk length")
        let chunk = try source.read(count)
        let cursor = MemoryByteSource(chunk, owner: nil)
        let classOfBlock = UnsafeMutableBufferPointer(rebasing: classOfBlock[..<blocks])
        try readKind(cursor, into: classOfBlock)
        let planes = try readPlanes(cursor, classOfBlock)
        let nibbles = try cursor.readVariable(limit: UInt64(9 * DitheredFormat.chunkElements), "escape count")
        let escapes = try cursor.read((nibbles + 1) / 2)
        try decodeSymbols(cursor, classOfBlock)
        try widen(classOfBlock, planes: planes, escapes: NibbleReader(escapes, count: nibbles))
        for (block, blockClass) in classOfBlock.enumerated() { blockSteps[block] = steps[Int(blockClass)] }
    }

    private func readKind(
        _ cursor: MemoryByteSource,
        into classOfBlock: UnsafeMutableBufferPointer<UInt8>
    ) throws(UpdateCodingError) {
        let kind = try cursor.readInteger(UInt8.self)
        if kind == DitheredFormat.mapKind {
            let count = try cursor.readVariable(limit: UInt64(4 * DitheredFormat.chunkBlocks), "class map length")
            ClassMapCoder.decode(try cursor.read(count), into: classOfBlock, classCount: classes.count)
        } else {
            guard Int(kind) <= classes.count else {
                throw UpdateCodingError(.malformed, "an ecdq chunk is of class \(kind), which the header does not have")
            }
            classOfBlock.update(repeating: kind)
        }
    }

    private func readPlanes(
        _ cursor: MemoryByteSource,
        _ classOfBlock: UnsafeMutableBufferPointer<UInt8>
    ) throws(UpdateCodingError) -> UnsafeRawBufferPointer {
        var count = 0
        for blockClass in classOfBlock where blockClass > 0 {
            count += 8 * classes[Int(blockClass) - 1].blockClass.rawBits
        }
        return try cursor.read(count)
    }

    private func decodeSymbols(
        _ cursor: MemoryByteSource,
        _ classOfBlock: UnsafeMutableBufferPointer<UInt8>
    ) throws(UpdateCodingError) {
        let order = ChunkOrder(UnsafeBufferPointer(classOfBlock), classCount: classes.count)
        for place in order.range(0) {
            (symbols + Int(order.offsets[place])).update(repeating: 0, count: 64)
        }
        guard order.range(0).count < classOfBlock.count else { return try cursor.expectEnd() }
        var states: [UInt32] = []
        for _ in 0..<8 { states.append(try cursor.readInteger(UInt32.self)) }
        let words = try cursor.read(cursor.remainingByteCount).assumingMemoryBound(to: UInt8.self)
        let end = words.baseAddress.map { $0 + words.count }
        var next = words.baseAddress
        for index in classes.indices {
            let range = order.range(index + 1)
            guard !range.isEmpty else { continue }
            for bucket in 0..<SymbolModel.bucketCount {
                classes[index].fillSlots(slots, bucket: bucket)
                next = order.offsets.withUnsafeBufferPointer { offsets in
                    cc_rans_decode(
                        &states,
                        next,
                        end,
                        symbols + 8 * bucket,
                        offsets.baseAddress.unsafelyUnwrapped + range.lowerBound,
                        range.count,
                        slots
                    )
                }
                guard next != nil else {
                    throw UpdateCodingError(.truncated, "the entropy-coded words of an ecdq chunk end too early")
                }
            }
        }
        guard next == end, states.allSatisfy({ $0 == DitheredFormat.initialState }) else {
            throw UpdateCodingError(.malformed, "the entropy-coded words of an ecdq chunk do not end where they should")
        }
    }

    /// Puts raw bits and escapes back.
    private func widen(
        _ classOfBlock: UnsafeMutableBufferPointer<UInt8>,
        planes: UnsafeRawBufferPointer,
        escapes: NibbleReader
    ) throws(UpdateCodingError) {
        var escapes = escapes
        var plane = 0
        wide.removeAll(keepingCapacity: true)
        hasWide = false
        for (block, blockClass) in classOfBlock.enumerated() {
            wideStart[block] = -1
            guard blockClass > 0 else { continue }
            let coded = classes[Int(blockClass) - 1]
            let rawBits = coded.blockClass.rawBits
            let place = symbols + block * 64
            guard rawBits > 0 || cc_any_outside(place, coded.lows, coded.highs) != 0 else { continue }
            hasWide = true
            wideStart[block] = wide.count
            wide.append(contentsOf: repeatElement(0, count: 64))
            let start = wideStart[block]
            let base = planes.assumingMemoryBound(to: UInt8.self).baseAddress
            wide.withUnsafeMutableBufferPointer { wide in
                let target = wide.baseAddress.unsafelyUnwrapped + start  // 64 were just appended
                cc_merge_raw(target, place, base.map { $0 + plane }, Int32(rawBits))
            }
            plane += 8 * rawBits
            guard cc_any_outside(place, coded.lows, coded.highs) != 0 else { continue }
            for index in 0..<64 where place[index] == Int8(SymbolModel.escape) {
                wide[start + index] &= Int32((1 << rawBits) - 1)
                wide[start + index] |= try Self.quotient(of: &escapes, place: index, coded)
            }
        }
        guard escapes.isAtEnd else {
            throw UpdateCodingError(.malformed, "an ecdq chunk has more escapes than symbols that need them")
        }
    }

    private static func quotient(
        of escapes: inout NibbleReader,
        place: Int,
        _ coded: CodedClass
    ) throws(UpdateCodingError) -> Int32 {
        guard let code = escapes.next() else {
            throw UpdateCodingError(.malformed, "the escapes of an ecdq chunk end too early")
        }
        let distance = Int(code >> 1) + 1
        let symbol = code & 1 == 0 ? Int(coded.highs[place]) + distance : Int(coded.lows[place]) - distance
        let quotient = symbol << coded.blockClass.rawBits
        guard abs(quotient) <= 2 * DitheredFormat.quotientLimit else {
            throw UpdateCodingError(.malformed, "an escape of an ecdq chunk is out of range")
        }
        return Int32(quotient)
    }

    /// Turns the symbols of some blocks of the chunk to coordinates.
    func rebuild(
        _ blocks: Range<Int>,
        firstBlock: Int,
        into output: UnsafeMutablePointer<Float>?,
        accumulator: UnsafeMutablePointer<Double>?,
        weight: Double
    ) {
        var block = blocks.lowerBound
        while block < blocks.upperBound {
            var end = block + 1
            let isWide = hasWide && wideStart[block] >= 0
            while end < blocks.upperBound, !hasWide || (wideStart[end] >= 0) == isWide { end += 1 }
            let done = (block - blocks.lowerBound) * 64
            wide.withUnsafeBufferPointer { wide in
                cc_dither_rebuild(
                    output.map { $0 + done },
                    accumulator.map { $0 + done },
                    weight,
                    symbols + block * 64,
                    isWide ? wide.baseAddress.map { $0 + wideStart[block] } : nil,
                    blockSteps + block,
                    end - block,
                    UInt64(firstBlock + block - blocks.lowerBound),
                    key
                )
            }
            block = end
        }
    }
}
