// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Codes chunks of up to 2^16 coordinates, each on its own.
///
///     length of the rest (variable) | kind, or map of classes | raw bit planes | escapes | 8 states | words
final class DitheredChunkEncoder {
    private let classes: [CodedClass]
    private let tables: [[cc_rans_symbol]]
    private let key: UInt64
    private let inverseStep: Float
    private let symbols: UnsafeMutablePointer<Int8>
    private let words: UnsafeMutablePointer<UInt16>
    private var planes: [UInt8] = []
    private var escapes = NibbleWriter()

    init(classes: [BlockClass], key: UInt64, inverseStep: Float) {
        let coded = classes.map(CodedClass.init)
        self.classes = coded
        tables = coded.flatMap { coded in (0..<SymbolModel.bucketCount).map { coded.encoderTable(bucket: $0) } }
        self.key = key
        self.inverseStep = inverseStep
        symbols = .allocate(capacity: DitheredFormat.chunkElements)
        // A symbol puts out at most one word; one more is written, and not kept, ahead of the last.
        words = .allocate(capacity: DitheredFormat.chunkElements + 1)
    }

    deinit {
        symbols.deallocate()
        words.deallocate()
    }

    func encode(
        _ coordinates: UnsafeBufferPointer<Float>,
        firstBlock: Int,
        classOfBlock: UnsafeBufferPointer<UInt8>,
        into output: inout [UInt8]
    ) {
        planes.removeAll(keepingCapacity: true)
        escapes.removeAll()
        quantize(coordinates, firstBlock: firstBlock)
        for (block, blockClass) in classOfBlock.enumerated() where blockClass > 0 {
            split(coordinates, block: block, firstBlock: firstBlock, classes[Int(blockClass) - 1])
        }
        var chunk: [UInt8] = []
        appendKind(classOfBlock, to: &chunk)
        chunk.append(contentsOf: planes)
        chunk.appendVariable(UInt64(escapes.count))
        chunk.append(contentsOf: escapes.bytes)
        appendEntropyCoded(classOfBlock, to: &chunk)
        output.appendVariable(UInt64(chunk.count))
        output.append(contentsOf: chunk)
    }

    private func quantize(_ coordinates: UnsafeBufferPointer<Float>, firstBlock: Int) {
        guard let from = coordinates.baseAddress else { return }
        let whole = coordinates.count / 64
        cc_dither_quantize(symbols, nil, from, whole, UInt64(firstBlock), key, inverseStep)
        guard coordinates.count > whole * 64 else { return }
        withBlock(coordinates, whole) {
            cc_dither_quantize(symbols + whole * 64, nil, $0, 1, UInt64(firstBlock + whole), key, inverseStep)
        }
    }

    /// Calls `body` with a block's 64 coordinates, the missing ones of a last block being zero.
    private func withBlock(
        _ coordinates: UnsafeBufferPointer<Float>,
        _ block: Int,
        _ body: (UnsafePointer<Float>) -> Void
    ) {
        let start = block * 64
        if start + 64 <= coordinates.count, let base = coordinates.baseAddress {
            body(base + start)
        } else {
            var padded = [Float](repeating: 0, count: 64)
            for index in start..<coordinates.count { padded[index - start] = coordinates[index] }
            body(padded)
        }
    }

    /// Takes out of a block what its tables cannot code: the raw bits, and quotients out of range.
    private func split(_ coordinates: UnsafeBufferPointer<Float>, block: Int, firstBlock: Int, _ coded: CodedClass) {
        let place = symbols + block * 64
        let rawBits = coded.blockClass.rawBits
        guard rawBits > 0 || cc_any_outside(place, coded.lows, coded.highs) != 0 else { return }
        var wide = [Int32](repeating: 0, count: 64)
        withBlock(coordinates, block) {
            cc_dither_quantize(place, &wide, $0, 1, UInt64(firstBlock + block), key, inverseStep)
        }
        if rawBits > 0 {
            planes.appendFilled(8 * rawBits) {
                cc_split_raw(place, $0.assumingMemoryBound(to: UInt8.self).baseAddress, wide, Int32(rawBits))
            }
        }
        for index in 0..<64 {
            let symbol = Int(wide[index] >> Int32(rawBits))
            let low = Int(coded.lows[index])
            let high = Int(coded.highs[index])
            if symbol > high {
                escapes.append(UInt32(2 * (symbol - high - 1)))
            } else if symbol < low {
                escapes.append(UInt32(2 * (low - symbol - 1) + 1))
            }
        }
    }

    private func appendKind(_ classOfBlock: UnsafeBufferPointer<UInt8>, to chunk: inout [UInt8]) {
        guard let first = classOfBlock.first else { return }
        guard classOfBlock.contains(where: { $0 != first }) else {
            chunk.append(first)
            return
        }
        let map = ClassMapCoder.encode(classOfBlock, classCount: classes.count)
        chunk.append(DitheredFormat.mapKind)
        chunk.appendVariable(UInt64(map.count))
        chunk.append(contentsOf: map)
    }

    /// Codes the last symbol first, as rANS must: classes, buckets and blocks all from their ends.
    private func appendEntropyCoded(_ classOfBlock: UnsafeBufferPointer<UInt8>, to chunk: inout [UInt8]) {
        let order = ChunkOrder(classOfBlock, classCount: classes.count)
        guard order.range(0).count < classOfBlock.count else { return }
        var states = [UInt32](repeating: DitheredFormat.initialState, count: 8)
        let end = words + DitheredFormat.chunkElements + 1
        var lowest = end
        for index in classes.indices.reversed() {
            let range = order.range(index + 1)
            guard !range.isEmpty else { continue }
            order.offsets.withUnsafeBufferPointer { offsets in
                for bucket in (0..<SymbolModel.bucketCount).reversed() {
                    lowest = cc_rans_encode(
                        &states,
                        lowest,
                        symbols + 8 * bucket,
                        offsets.baseAddress.unsafelyUnwrapped + range.lowerBound,
                        range.count,
                        tables[index * SymbolModel.bucketCount + bucket]
                    )
                }
            }
        }
        for state in states { chunk.appendLittleEndian(state) }
        // Words are written as the machine stores them; the project supports little-endian machines only.
        chunk.append(contentsOf: UnsafeRawBufferPointer(UnsafeBufferPointer(start: lowest, count: end - lowest)))
    }
}

/// Writes small numbers in groups of 3 bits, low group first, each in a nibble whose top bit says that more follow.
struct NibbleWriter {
    private(set) var bytes: [UInt8] = []
    /// Nibbles written.
    private(set) var count = 0

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        count = 0
    }

    mutating func append(_ value: UInt32) {
        var rest = value
        while rest >= 8 {
            appendNibble(UInt8(rest & 7) | 8)
            rest >>= 3
        }
        appendNibble(UInt8(rest))
    }

    private mutating func appendNibble(_ nibble: UInt8) {
        if count & 1 == 0 { bytes.append(nibble) } else { bytes[bytes.count - 1] |= nibble << 4 }
        count += 1
    }
}

/// Reads what ``NibbleWriter`` wrote.
struct NibbleReader {
    private let bytes: UnsafeRawBufferPointer
    private let count: Int
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    var isAtEnd: Bool { position == count }

    /// The next number; nil where the nibbles end or it has more than 27 bits.
    mutating func next() -> UInt32? {
        var value: UInt32 = 0
        for group: UInt32 in 0..<9 {
            guard position < count else { return nil }
            let byte = bytes[position >> 1]
            let nibble = UInt32(position & 1 == 0 ? byte & 15 : byte >> 4)
            position += 1
            value |= (nibble & 7) << (3 * group)
            if nibble < 8 { return value }
        }
        return nil
    }
}
