// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends the coordinates of largest magnitude, their gaps in Golomb-Rice code and their values as 16-bit floats.
///
/// The choice is global, with a least share of each tensor. Biased: what is left out must come back by error feedback.
/// E|x - x'|^2 <= (1 - fraction) |x|^2.
public struct TopKCodec: UpdateCodec, SparseFractionCodec {
    /// The share of coordinates that is sent.
    public let fraction: Double
    /// The least share of each tensor that is sent.
    public let floor: Double

    /// Creates the codec.
    ///
    /// - Precondition: the fraction lies in 1e-6 ... 1 and the floor in 0 ... 1.
    public init(fraction: Double, floor: Double = 0.0002) {
        precondition(SparseFraction.range.contains(fraction), "a fraction of coordinates lies in 1e-6 ... 1")
        precondition((0...1).contains(floor), "a least share lies in 0 ... 1")
        self.fraction = fraction
        self.floor = floor
    }

    /// `topk:fraction=0.01`.
    public var specification: String {
        "topk:fraction=\(NumberText.text(fraction))"
            + (floor == SparseFraction.defaultFloor ? "" : ",floor=\(NumberText.text(floor))")
    }

    func withFraction(_ fraction: Double) -> any SparseFractionCodec { TopKCodec(fraction: fraction, floor: floor) }

    /// Appends count, parameter, exponent, the gaps, and the values divided by 2^exponent.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        let kept = SparseFraction.kept(fraction, of: vector.count)
        let indices = MagnitudeSelection.indices(vector, layout: layout, count: kept, floor: floor)
        let exponent = SparseFormat.exponent(of: indices.lazy.map { vector[$0] })
        let parameter = GolombRice.parameter(chosen: indices.count, of: vector.count)
        var writer = BitWriter()
        var next = 0
        for index in indices {
            GolombRice.append(index - next, parameter: parameter, to: &writer)
            next = index + 1
        }
        let gaps = writer.finish()
        output.appendVariable(UInt64(indices.count))
        output.append(UInt8(parameter))
        output.append(UInt8(bitPattern: Int8(exponent)))
        output.appendVariable(UInt64(gaps.count))
        output.append(contentsOf: gaps)
        let factor = SparseFormat.power(-exponent)
        for index in indices { output.appendLittleEndian(Float16(vector[index] * factor).bitPattern) }
    }

    /// Reads the whole coded update, which is small.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try SparseFormat.requireAtMost(maximumEncodedByteCount(layout: layout), source, codec: specification)
        return try SparseDecoder(Entries(source, elementCount: layout.elementCount))
    }

    /// The longest: all least shares beside the fraction.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        let count = SparseFormat.maximumCount(fraction: fraction, floor: floor, layout: layout)
        return 32 + SparseFormat.maximumGapBytes(count: count, of: layout.elementCount) + 2 * count
    }

    private struct Entries: SparseEntries {
        private var reader: BitReader
        private let values: [UInt8]
        private let parameter: Int
        private let factor: Float
        private let count: Int
        private let elementCount: Int
        private var entry = 0
        private var position = 0

        init(_ source: any UpdateByteSource, elementCount: Int) throws(UpdateCodingError) {
            (count, parameter) = try SparseFormat.readCount(source, elementCount: elementCount)
            factor = SparseFormat.power(try SparseFormat.readExponent(source))
            let gapBytes = try source.readVariable(limit: UInt64(source.remainingByteCount), "length of gaps")
            reader = BitReader([UInt8](try source.read(gapBytes)))
            values = [UInt8](try source.read(2 * count))
            try source.expectEnd()
            self.elementCount = elementCount
        }

        mutating func next() throws(UpdateCodingError) -> (index: Int, value: Float)? {
            guard entry < count else {
                guard reader.isAtEnd else {
                    throw UpdateCodingError(.malformed, "bits follow a top-k update's last gap")
                }
                return nil
            }
            guard let gap = GolombRice.next(&reader, parameter: parameter, limit: elementCount - position - 1) else {
                throw UpdateCodingError(.malformed, "a top-k update's gaps end early or leave the vector")
            }
            let bits = UInt16(values[2 * entry]) | UInt16(values[2 * entry + 1]) << 8
            let value = Float(Float16(bitPattern: bits))
            guard value.isFinite, abs(value) <= 2 else {
                throw UpdateCodingError(.malformed, "a top-k update has a value that is not scaled to 2")
            }
            entry += 1
            defer { position += gap + 1 }
            return (position + gap, value * factor)
        }
    }
}
