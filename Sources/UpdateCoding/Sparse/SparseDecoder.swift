// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The chosen coordinates of a sparse update, ascending.
protocol SparseEntries {
    /// The next coordinate and its value; nil after the last.
    mutating func next() throws(UpdateCodingError) -> (index: Int, value: Float)?
}

/// Spreads sparse entries over the blocks asked for; all other coordinates are zero.
final class SparseDecoder<Entries: SparseEntries>: UpdateDecoder {
    private var entries: Entries
    private var pending: (index: Int, value: Float)?
    private var position = 0

    init(_ entries: Entries) throws(UpdateCodingError) {
        self.entries = entries
        pending = try self.entries.next()
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        block.update(repeating: 0)
        while let entry = pending, entry.index < position + block.count {
            block[entry.index - position] = entry.value
            pending = try entries.next()
        }
        position += block.count
    }

    func accumulate(
        weight: Double,
        into accumulator: UnsafeMutableBufferPointer<Double>
    ) throws(UpdateCodingError) {
        while let entry = pending, entry.index < position + accumulator.count {
            accumulator[entry.index - position] += weight * Double(entry.value)
            pending = try entries.next()
        }
        position += accumulator.count
    }

    /// The entries check their own end when the last is read, which is before the last coordinate is handed out.
    func finish() throws(UpdateCodingError) {}
}

/// Shared pieces of the sparse formats.
enum SparseFormat {
    /// The most entries of an update: the fraction's, and each tensor's least share.
    static func maximumCount(fraction: Double, floor: Double, layout: TensorLayout) -> Int {
        var count = SparseFraction.kept(fraction, of: layout.elementCount)
        guard floor > 0 else { return count }
        for tensor in layout.tensors { count += SparseFraction.kept(floor, of: tensor.shape.elementCount) }
        return min(count, layout.elementCount)
    }

    /// Enough for the gaps of up to `count` entries: each takes b + 1 bits, the quotients together at most 4.2 each.
    static func maximumGapBytes(count: Int, of total: Int) -> Int {
        (count * (GolombRice.parameter(chosen: count, of: total) + 7) + 7) / 8
    }

    /// The power of two that brings the largest magnitude to [1, 2), as the format stores it.
    static func exponent(of values: some Sequence<Float>) -> Int {
        let largest = values.reduce(Float(0)) { max($0, abs($1)) }
        return largest > 0 ? min(max(Int(largest.exponent), -120), 120) : 0
    }

    /// 2^exponent as a float.
    static func power(_ exponent: Int) -> Float { Float(sign: .plus, exponent: exponent, significand: 1) }

    /// Reads an exponent byte.
    static func readExponent(_ source: any UpdateByteSource) throws(UpdateCodingError) -> Int {
        let exponent = Int(try source.readInteger(Int8.self))
        guard (-120...120).contains(exponent) else {
            throw UpdateCodingError(.malformed, "a sparse update's exponent is beyond +-120")
        }
        return exponent
    }

    /// Reads the number of entries and the Golomb parameter.
    static func readCount(
        _ source: any UpdateByteSource,
        elementCount: Int
    ) throws(UpdateCodingError) -> (count: Int, parameter: Int) {
        let count = try source.readVariable(limit: UInt64(elementCount), "number of entries")
        let parameter = Int(try source.readInteger(UInt8.self))
        guard parameter <= 40 else { throw UpdateCodingError(.malformed, "a sparse update's gap parameter is past 40") }
        return (count, parameter)
    }

    /// Refuses an update that is longer than its codec ever writes.
    static func requireAtMost(_ limit: Int, _ source: any UpdateByteSource, codec: String) throws(UpdateCodingError) {
        guard source.remainingByteCount <= limit else {
            throw UpdateCodingError(
                .trailingBytes,
                "a \(codec) update of \(source.remainingByteCount) bytes is longer than any of this model"
            )
        }
    }
}
