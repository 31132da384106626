// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends each matrix M (n x m) as a product of rank r, by one step of subspace iteration from a start Q
/// (PowerSGD; Vogels, Karimireddy, Jaggi, NeurIPS 2019):
///
///     P = orth(M Q),   Q = M^T P,   M' = P Q^T
///
/// A tensor of two or more dimensions is a matrix of its first dimension by the rest. Tensors with which this would not
/// halve the bytes are sent as floats. Without memory the start is drawn from the seed and iterated twice;
/// ``WarmStartEncoder`` starts from the last Q instead. Biased: needs error feedback.
public struct LowRankCodec: UpdateCodec {
    /// The ranks that a specification may ask for.
    public static let rankRange = 1...64

    /// The rank of the products.
    public let rank: Int

    /// Creates the codec.
    ///
    /// - Precondition: the rank lies in ``rankRange``.
    public init(rank: Int) {
        precondition(Self.rankRange.contains(rank), "a rank lies in 1 ... 64")
        self.rank = rank
    }

    /// `powersgd:rank=2`.
    public var specification: String { "powersgd:rank=\(rank)" }

    /// The rows and columns of a tensor that is sent as a product; nil where it is sent as floats.
    func matrix(_ tensor: TensorLayout.Tensor) -> (rows: Int, columns: Int)? {
        let dimensions = tensor.shape.dimensions
        guard dimensions.count >= 2, tensor.shape.elementCount > 0 else { return nil }
        let rows = dimensions[0]
        let columns = tensor.shape.elementCount / rows
        return 2 * rank * (rows + columns) <= rows * columns ? (rows, columns) : nil
    }

    /// Appends P and Q, or the floats, of each tensor.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        _ = try encode(vector, layout: layout, seed: seed, start: [:], into: &output)
    }

    /// Codes with the given starts, one for each tensor's index; returns the factors Q to start from next time.
    func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        start: [Int: [Float]],
        into output: inout [UInt8]
    ) throws(UpdateCodingError) -> [Int: [Float]] {
        try requireFinite(vector, codec: specification)
        var factors: [Int: [Float]] = [:]
        for (index, tensor) in layout.tensors.enumerated() {
            let values = UnsafeBufferPointer(rebasing: vector[layout.range(of: index)])
            guard let (rows, columns) = matrix(tensor) else {
                output.append(contentsOf: UnsafeRawBufferPointer(values))
                continue
            }
            let known = start[index].flatMap { $0.count == columns * rank ? $0 : nil }
            var factorization = LowRankFactorization(rows: rows, columns: columns, rank: rank)
            factorization.right = known ?? Self.start(columns * rank, seed: seed.deriving("powersgd", UInt64(index)))
            for _ in 0..<(known == nil ? 2 : 1) { factorization.iterate(values) }
            guard factorization.right.allSatisfy(\.isFinite) else {
                throw UpdateCodingError(.notFinite, "tensor '\(tensor.name)' is too large for powersgd")
            }
            output.append(contentsOf: factorization.left.withUnsafeBytes { Array($0) })
            output.append(contentsOf: factorization.right.withUnsafeBytes { Array($0) })
            factors[index] = factorization.right
        }
        return factors
    }

    /// Uniform on [-1/2, 1/2): no function of the C library takes part.
    private static func start(_ count: Int, seed: Seed) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.uniformFloat() - 0.5 }
    }

    /// Begins decoding; nothing is read yet.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        try requireByteCount(source, maximumEncodedByteCount(layout: layout), codec: specification)
        return LowRankDecoder(source: source, codec: self, layout: layout)
    }

    /// 4 bytes for each entry of P, Q and of the tensors sent as they are.
    public func encodedByteCount(layout: TensorLayout) -> Int? { maximumEncodedByteCount(layout: layout) }

    /// 4 bytes for each entry of P, Q and of the tensors sent as they are.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        layout.tensors.reduce(0) { total, tensor in
            guard let (rows, columns) = matrix(tensor) else { return total + 4 * tensor.shape.elementCount }
            return total + 4 * rank * (rows + columns)
        }
    }
}
