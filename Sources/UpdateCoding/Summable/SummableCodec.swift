// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState
public import Randomness

/// Integers on a grid that all clients share, so that they can be added before anything is decoded: by a switch, or
/// under secure aggregation (after THC; Li et al., NSDI 2024).
///
/// With D padded coordinates, y = H(s * x) / sqrt(L) in blocks of L, and t = 3.2 standard deviations of norm / sqrt(D):
///
///     integer  q = stochastic rounding of (clip(y, -t, t) + t) g / (2 t)  in 0 ... g,   g = 2^bits - 1
///     mean     y' = (sum q / n) 2 t / g - t,   then the rotation backwards
///
/// All clients of a round use the round's rotation; only the rounding is each client's own. Coordinates are dealt to
/// the blocks in turn, so that every block has a like share of the norm. Updates longer than `norm` are scaled down to
/// it.
public struct SummableCodec: UpdateCodec {
    /// The widths that a specification may ask for.
    public static let bitRange = 1...16
    /// The norms that a specification may ask for.
    public static let normRange = 1e-6...1e9
    /// The grid's half width in standard deviations.
    static let clip: Float = 3.2

    /// Bits of one client's integer.
    public let bits: Int
    /// The Euclidean norm that all updates are at most.
    public let norm: Double

    /// Creates the codec.
    ///
    /// - Precondition: both lie in their ranges.
    public init(bits: Int, norm: Double) {
        precondition(Self.bitRange.contains(bits), "summable integers have 1 to 16 bits")
        precondition(Self.normRange.contains(norm), "a norm bound lies in 1e-6 ... 1e9")
        self.bits = bits
        self.norm = norm
    }

    /// `summable:bits=8,norm=1`.
    public var specification: String { "summable:bits=\(bits),norm=\(NumberText.text(norm))" }

    /// The largest integer of one client.
    public var largestInteger: UInt32 { (1 << UInt32(bits)) - 1 }

    /// The number of integers of an update: the coordinates, padded.
    public func integerCount(layout: TensorLayout) -> Int { SummableGrid(self, layout.elementCount).paddedCount }

    /// The integers of one update, to be added to those of others of the same round.
    ///
    /// - Parameters:
    ///   - vector: the update.
    ///   - round: the seed of the rotation, the same for all clients.
    ///   - client: the seed of the rounding, the client's own.
    /// - Throws: ``UpdateCodingError`` with code `notFinite`.
    public func integers(
        of vector: UnsafeBufferPointer<Float>,
        round: Seed,
        client: Seed
    ) throws(UpdateCodingError) -> [UInt32] {
        try requireFinite(vector, codec: specification)
        return SummableGrid(self, vector.count).integers(of: vector, round: round, client: client)
    }

    /// The mean update that a sum of the integers of `count` clients stands for.
    ///
    /// - Throws: ``UpdateCodingError`` with code `malformed` for a sum of another length, or that is too large.
    public func mean(
        ofSum sum: [UInt64],
        count: Int,
        layout: TensorLayout,
        round: Seed
    ) throws(UpdateCodingError) -> ParameterVector {
        let grid = SummableGrid(self, layout.elementCount)
        guard count > 0, sum.count == grid.paddedCount, sum.allSatisfy({ $0 <= UInt64(largestInteger) * UInt64(count) })
        else {
            throw UpdateCodingError(.malformed, "a sum of \(sum.count) integers cannot be that of \(count) updates")
        }
        return grid.mean(ofSum: sum, count: count, round: round)
    }

    /// Appends the integers, packed, with the seed as rotation and rounding at once: for a client that is not summed.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        let integers = try integers(of: vector, round: seed, client: seed.deriving("rounding"))
        var writer = BitWriter()
        for integer in integers { writer.append(UInt64(integer), count: bits) }
        output.append(contentsOf: writer.finish())
    }

    /// Reads and rotates back the whole update: a rotation of interleaved blocks cannot be streamed.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        let byteCount = maximumEncodedByteCount(layout: layout)
        try requireByteCount(source, byteCount, codec: specification)
        var reader = BitReader([UInt8](try source.read(byteCount)))
        var integers: [UInt64] = []
        for _ in 0..<integerCount(layout: layout) {
            guard let integer = reader.bits(bits) else {
                throw UpdateCodingError(.truncated, "a summable update ends early")
            }
            integers.append(UInt64(integer))
        }
        return WholeDecoder(try mean(ofSum: integers, count: 1, layout: layout, round: seed))
    }

    /// `bits` for each padded coordinate.
    public func encodedByteCount(layout: TensorLayout) -> Int? { maximumEncodedByteCount(layout: layout) }

    /// `bits` for each padded coordinate.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int { (integerCount(layout: layout) * bits + 7) / 8 }
}

/// Hands out a vector that had to be decoded as a whole.
final class WholeDecoder: UpdateDecoder {
    private let vector: ParameterVector
    private var position = 0

    init(_ vector: ParameterVector) {
        self.vector = vector
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        vector.withElements { elements in
            for index in block.indices { block[index] = elements[position + index] }
        }
        position += block.count
    }

    func finish() throws(UpdateCodingError) {}
}
