// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends a random subset of the coordinates, scaled up so that the expectation is the update.
///
///     x'_i = x_i d / k  for the k coordinates that the seed draws, else 0;     E|x' - x|^2 = (d / k - 1) |x|^2
///
/// The decoder draws the same subset, so only the values travel, as 16-bit floats.
public struct RandomKCodec: UpdateCodec {
    /// The share of coordinates that is sent.
    public let fraction: Double

    /// Creates the codec.
    ///
    /// - Precondition: the fraction lies in 1e-6 ... 1.
    public init(fraction: Double) {
        precondition(SparseFraction.range.contains(fraction), "a fraction of coordinates lies in 1e-6 ... 1")
        self.fraction = fraction
    }

    /// `randk:fraction=0.01`.
    public var specification: String { "randk:fraction=\(NumberText.text(fraction))" }

    private func indices(elementCount: Int, seed: Seed) -> [Int] {
        var generator = SeededGenerator(seed: seed.deriving("subset"))
        return generator.sample(SparseFraction.kept(fraction, of: elementCount), of: elementCount)
    }

    /// Appends an exponent and the values divided by 2^exponent.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        let indices = indices(elementCount: vector.count, seed: seed)
        let exponent = SparseFormat.exponent(of: indices.lazy.map { vector[$0] })
        output.append(UInt8(bitPattern: Int8(exponent)))
        let factor = SparseFormat.power(-exponent)
        for index in indices { output.appendLittleEndian(Float16(vector[index] * factor).bitPattern) }
    }

    /// Draws the subset and reads the values.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try requireByteCount(source, maximumEncodedByteCount(layout: layout), codec: specification)
        let indices = indices(elementCount: layout.elementCount, seed: seed)
        return try SparseDecoder(Entries(source, indices: indices, elementCount: layout.elementCount))
    }

    /// 2 bytes for each coordinate sent, and 1.
    public func encodedByteCount(layout: TensorLayout) -> Int? { maximumEncodedByteCount(layout: layout) }

    /// 2 bytes for each coordinate sent, and 1.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        1 + 2 * SparseFraction.kept(fraction, of: layout.elementCount)
    }

    private struct Entries: SparseEntries {
        private let indices: [Int]
        private let values: [UInt8]
        private let factor: Float
        private let scale: Float
        private var entry = 0

        init(_ source: any UpdateByteSource, indices: [Int], elementCount: Int) throws(UpdateCodingError) {
            factor = SparseFormat.power(try SparseFormat.readExponent(source))
            values = [UInt8](try source.read(2 * indices.count))
            try source.expectEnd()
            self.indices = indices
            scale = Float(elementCount) / Float(max(indices.count, 1))
        }

        mutating func next() throws(UpdateCodingError) -> (index: Int, value: Float)? {
            guard entry < indices.count else { return nil }
            let bits = UInt16(values[2 * entry]) | UInt16(values[2 * entry + 1]) << 8
            let value = Float(Float16(bitPattern: bits))
            guard value.isFinite, abs(value) <= 2, (value * factor * scale).isFinite else {
                throw UpdateCodingError(.malformed, "a random-k update has a value that is not scaled to 2")
            }
            defer { entry += 1 }
            return (indices[entry], value * factor * scale)
        }
    }
}
