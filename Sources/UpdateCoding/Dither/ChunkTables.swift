// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// One class as both directions of the entropy coder need it.
struct CodedClass {
    let blockClass: BlockClass
    let model: SymbolModel
    /// The lowest and highest symbol for each of the 64 places of a block.
    let lows: [Int8]
    let highs: [Int8]

    init(_ blockClass: BlockClass) {
        self.blockClass = blockClass
        let model = SymbolModelCache.model(blockClass)
        self.model = model
        lows = (0..<64).map { Int8(model.buckets[$0 >> 3].low) }
        highs = (0..<64).map { Int8(model.buckets[$0 >> 3].high) }
    }

    /// Describes every byte to the encoder; bytes out of range share the escape's entry.
    func encoderTable(bucket: Int) -> [cc_rans_symbol] {
        let bucket = model.buckets[bucket]
        let escapeStart = SymbolModel.total - bucket.escapeFrequency
        var table = [cc_rans_symbol](
            repeating: Self.entry(start: escapeStart, frequency: bucket.escapeFrequency),
            count: 256
        )
        var start = 0
        for (index, frequency) in bucket.frequencies.enumerated() {
            table[bucket.low + index + 128] = Self.entry(start: start, frequency: frequency)
            start += frequency
        }
        return table
    }

    private static func entry(start: Int, frequency: Int) -> cc_rans_symbol {
        cc_rans_symbol(
            reciprocal: (1 << 44) / UInt64(frequency) + 1,
            frequency: UInt16(frequency),
            complement: UInt16(SymbolModel.total - frequency),
            start: UInt32(start)
        )
    }

    /// Fills the decoder's 4096 slots for a bucket.
    func fillSlots(_ slots: UnsafeMutablePointer<UInt32>, bucket: Int) {
        let bucket = model.buckets[bucket]
        var start: UInt32 = 0
        for (index, frequency) in bucket.frequencies.enumerated() {
            cc_rans_fill(slots, start, UInt32(frequency), Int8(bucket.low + index))
            start += UInt32(frequency)
        }
        cc_rans_fill(slots, start, UInt32(bucket.escapeFrequency), Int8(SymbolModel.escape))
    }
}

/// The order in which a chunk's blocks are coded: by class, then by place.
struct ChunkOrder {
    /// For each class, the offsets of its blocks' first symbols; bucket b of a block begins 8 b further.
    private(set) var offsets: [UInt32] = []
    /// Where each class's offsets begin; one more entry than classes (class 0 among them).
    private(set) var starts: [Int] = []

    init(_ classes: UnsafeBufferPointer<UInt8>, classCount: Int) {
        var counts = [Int](repeating: 0, count: classCount + 2)
        for blockClass in classes { counts[Int(blockClass) + 1] += 1 }
        for index in 1..<counts.count { counts[index] += counts[index - 1] }
        starts = counts
        offsets = [UInt32](repeating: 0, count: classes.count)
        for (block, blockClass) in classes.enumerated() {
            offsets[counts[Int(blockClass)]] = UInt32(block * 64)
            counts[Int(blockClass)] += 1
        }
    }

    func range(_ blockClass: Int) -> Range<Int> { starts[blockClass]..<starts[blockClass + 1] }
}
