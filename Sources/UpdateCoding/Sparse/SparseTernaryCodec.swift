// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sparse ternary compression: the coordinates of largest magnitude, all sent as plus or minus their mean magnitude
/// (STC; Sattler, Wiedemann, Mueller, Samek 2019).
///
/// At 1 % this takes about 0.091 bits a coordinate. Biased: needs error feedback.
public struct SparseTernaryCodec: UpdateCodec, SparseFractionCodec {
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

    /// `stc:fraction=0.01`.
    public var specification: String {
        "stc:fraction=\(NumberText.text(fraction))"
            + (floor == SparseFraction.defaultFloor ? "" : ",floor=\(NumberText.text(floor))")
    }

    func withFraction(_ fraction: Double) -> any SparseFractionCodec {
        SparseTernaryCodec(fraction: fraction, floor: floor)
    }

    /// Appends count, parameter, mean magnitude, and for each entry its gap and sign.
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
        let parameter = GolombRice.parameter(chosen: indices.count, of: vector.count)
        var writer = BitWriter()
        var next = 0
        var sum = 0.0
        for index in indices {
            GolombRice.append(index - next, parameter: parameter, to: &writer)
            writer.append(vector[index] < 0 ? 1 : 0, count: 1)
            sum += abs(Double(vector[index]))
            next = index + 1
        }
        output.appendVariable(UInt64(indices.count))
        output.append(UInt8(parameter))
        output.appendLittleEndian(indices.isEmpty ? Float(0) : Float(sum / Double(indices.count)))
        output.append(contentsOf: writer.finish())
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
        return 32 + SparseFormat.maximumGapBytes(count: count, of: layout.elementCount) + count / 8
    }

    private struct Entries: SparseEntries {
        private var reader: BitReader
        private let parameter: Int
        private let magnitude: Float
        private let elementCount: Int
        private var remaining: Int
        private var position = 0

        init(_ source: any UpdateByteSource, elementCount: Int) throws(UpdateCodingError) {
            (remaining, parameter) = try SparseFormat.readCount(source, elementCount: elementCount)
            magnitude = try source.readFiniteFloat("magnitude")
            reader = BitReader([UInt8](try source.read(source.remainingByteCount)))
            self.elementCount = elementCount
        }

        mutating func next() throws(UpdateCodingError) -> (index: Int, value: Float)? {
            guard remaining > 0 else {
                guard reader.isAtEnd else {
                    throw UpdateCodingError(.trailingBytes, "bits follow an stc update's last entry")
                }
                return nil
            }
            guard let gap = GolombRice.next(&reader, parameter: parameter, limit: elementCount - position - 1),
                let negative = reader.bit()
            else {
                throw UpdateCodingError(.malformed, "an stc update's gaps end early or leave the vector")
            }
            remaining -= 1
            defer { position += gap + 1 }
            return (position + gap, negative ? -magnitude : magnitude)
        }
    }
}
