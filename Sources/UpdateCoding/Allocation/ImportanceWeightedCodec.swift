// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Gives tensors of higher importance a smaller error: each is multiplied by a power of two before coding and divided
/// by it after.
///
/// With a dithered codec this is a step of step / sqrt(a) for a tensor of importance a (mean Hessian or Fisher
/// diagonal), which minimises the importance-weighted error (the objective of HAWQ, without its integer programme).
/// Half octaves of importance are rounded to whole powers of two of the scale, which are exact. The exponents travel in
/// front of the inner codec's bytes, one byte a tensor.
public struct ImportanceWeightedCodec: UpdateCodec {
    static let exponentRange = -40...40

    /// The codec that codes the scaled update.
    public let base: any UpdateCodec
    private let importance: Importance

    /// Where the importance of a tensor comes from.
    public enum Importance: Sendable, Equatable {
        /// One number for each tensor of the layouts that will be coded.
        case tensors([Double])
        /// By what a tensor is for; 1 for kinds that are not named.
        case kinds([TensorKind: Double])
    }

    /// Creates the codec.
    ///
    /// - Precondition: importances are positive and finite.
    public init(base: any UpdateCodec, importance: Importance) {
        let numbers: [Double]
        switch importance {
        case .tensors(let list): numbers = list
        case .kinds(let named): numbers = Array(named.values)
        }
        precondition(numbers.allSatisfy { $0 > 0 && $0.isFinite }, "importances are positive and finite")
        self.base = base
        self.importance = importance
    }

    /// `ecdq:bits=2+importance:bias=16`. Importances of single tensors are no part of it: what it makes is a codec that
    /// decodes the same bytes.
    public var specification: String {
        guard case .kinds(let named) = importance else { return base.specification + "+importance:weight=1" }
        let pairs = named.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key)=\(NumberText.text($0.value))" }
        return base.specification + "+importance:" + pairs.joined(separator: ",")
    }

    private func exponents(_ layout: TensorLayout) throws(UpdateCodingError) -> [Int] {
        switch importance {
        case .kinds(let named): return layout.tensors.map { Self.exponent(named[$0.kind] ?? 1) }
        case .tensors(let list):
            guard list.count == layout.tensors.count else {
                throw UpdateCodingError(
                    .unknownCodec,
                    "\(list.count) importances for a model of \(layout.tensors.count) tensors; give one for each"
                )
            }
            return list.map(Self.exponent)
        }
    }

    /// 2^exponent is the power of two nearest to sqrt(importance): log2(a) / 2, rounded.
    private static func exponent(_ value: Double) -> Int {
        let exponent = Int(value.exponent)
        // a = m 2^e: sqrt(a) / 2^floor(e / 2) lies in [1, 2); it rounds up from sqrt 2 on.
        let half = exponent >> 1
        let scaled = value * Double(sign: .plus, exponent: -2 * half, significand: 1)
        return min(max(half + (scaled >= 2 ? 1 : 0), exponentRange.lowerBound), exponentRange.upperBound)
    }

    /// Appends the exponents and the inner codec's bytes of the scaled update.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        let exponents = try exponents(layout)
        var scaled = ParameterVector(copying: vector)
        scaled.withMutableElements { elements in
            for (tensor, exponent) in exponents.enumerated() {
                let factor = SparseFormat.power(exponent)
                for index in layout.range(of: tensor) { elements[index] *= factor }
            }
        }
        output.append(contentsOf: exponents.map { UInt8(bitPattern: Int8($0)) })
        try scaled.withElements { (elements) throws(UpdateCodingError) in
            try base.encode(elements, layout: layout, seed: seed, into: &output)
        }
    }

    /// Reads the exponents; the decoder's own importances do not matter.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        var factors: [Float] = []
        for _ in layout.tensors {
            let exponent = Int(try source.readInteger(Int8.self))
            guard Self.exponentRange.contains(exponent) else {
                throw UpdateCodingError(.malformed, "an importance exponent is beyond +-40")
            }
            factors.append(SparseFormat.power(-exponent))
        }
        let inner = try base.makeDecoder(source, layout: layout, seed: seed)
        return ScalingDecoder(inner, layout: layout, factors: factors)
    }

    /// The inner codec's and a byte a tensor.
    public func encodedByteCount(layout: TensorLayout) -> Int? {
        base.encodedByteCount(layout: layout).map { $0 + layout.tensors.count }
    }

    /// The inner codec's and a byte a tensor.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        base.maximumEncodedByteCount(layout: layout) + layout.tensors.count
    }
}

/// Multiplies each tensor's coordinates by a factor as they are decoded.
private final class ScalingDecoder: UpdateDecoder {
    private let inner: any UpdateDecoder
    private let layout: TensorLayout
    private let factors: [Float]
    private var position = 0
    private var tensor = 0

    init(_ inner: any UpdateDecoder, layout: TensorLayout, factors: [Float]) {
        self.inner = inner
        self.layout = layout
        self.factors = factors
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        try inner.decode(into: block)
        let end = position + block.count
        while tensor < factors.count {
            let range = layout.range(of: tensor)
            for index in range.clamped(to: position..<end) { block[index - position] *= factors[tensor] }
            if range.upperBound > end { break }
            tensor += 1
        }
        position = end
    }

    func finish() throws(UpdateCodingError) { try inner.finish() }
}
