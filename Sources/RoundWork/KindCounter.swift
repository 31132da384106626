// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import UpdateCoding

/// Counts what a decoder reads by the kind of the tensors that it decodes.
struct KindCounter {
    private let borders: [(end: Int, kind: TensorKind)]
    private let bytes: any UpdateByteSource
    private let byteCount: Int
    private var position = 0
    private var index = 0
    private var read = 0
    private var counts = BytesByKind()

    init(layout: TensorLayout, bytes: any UpdateByteSource, byteCount: Int? = nil) {
        var borders: [(end: Int, kind: TensorKind)] = []
        for index in layout.tensors.indices {
            let (end, kind) = (layout.range(of: index).upperBound, layout.tensors[index].kind)
            if borders.last?.kind == kind { borders.removeLast() }
            borders.append((end, kind))
        }
        self.borders = borders
        self.bytes = bytes
        self.byteCount = byteCount ?? bytes.remainingByteCount
    }

    /// Counts the bytes of a coded update by decoding it.
    static func count(
        _ bytes: ByteSlice,
        codec: any UpdateCodec,
        layout: TensorLayout,
        seed: Seed
    ) throws -> BytesByKind {
        let source = MemoryByteSource(bytes.bytes, owner: bytes.owner)
        let decoder = try codec.makeDecoder(source, layout: layout, seed: seed)
        var counter = KindCounter(layout: layout, bytes: source, byteCount: bytes.count)
        let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1 << 14)
        defer { scratch.deallocate() }
        var remaining = layout.elementCount
        while remaining > 0 {
            let count = min(remaining, scratch.count, counter.elementsToBorder)
            try decoder.decode(into: UnsafeMutableBufferPointer(rebasing: scratch[..<count]))
            counter.advance(by: count)
            remaining -= count
        }
        return counter.result
    }

    /// The elements up to the next tensor of another kind.
    var elementsToBorder: Int {
        var next = index
        while next < borders.count, borders[next].end <= position { next += 1 }
        return next < borders.count ? borders[next].end - position : Int.max
    }

    /// Elements were decoded, all of one kind.
    mutating func advance(by count: Int) {
        while index < borders.count, borders[index].end <= position { index += 1 }
        position += count
        let consumed = byteCount - bytes.remainingByteCount
        if index < borders.count { counts[borders[index].kind] += UInt64(consumed - read) }
        read = consumed
    }

    /// The counts; what no element needed belongs to the last kind.
    var result: BytesByKind {
        var result = counts
        if let last = borders.last, byteCount > read { result[last.kind] += UInt64(byteCount - read) }
        return result
    }
}
