// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Gives each tensor a rate of its own, so that the squared error of the whole update is least for the bits of the
/// inner codec: `eden:bits=2+allocation`.
///
/// Tensors whose coordinates vary more get more bits. The rates travel in front, two bytes a tensor in units of 1/64
/// bit; then each tensor is coded by EDEN at its rate, with the seed `seed.deriving("tensor", index)`. An unbiased
/// codec gives at least 1 bit to every tensor; with `scale=mse` a tensor may get none and decodes to zeros.
/// Dithered codecs need none of this: their one step is the best allocation already.
public struct AllocatedCodec: UpdateCodec {
    /// How rates are found.
    public enum Method: String, Sendable, CaseIterable {
        /// Real rates of equal slope, in closed form, rounded down to 1/64 bit.
        case slope
        /// Whole bits, each to the tensor where it helps most.
        case greedy
        /// Whole bits that are the best together, by dynamic programming over the errors and bytes as coded. Codes
        /// every tensor at every rate: eight times the work.
        case joint
    }

    /// The codec that sets the budget and the scale.
    public let base: EdenCodec
    /// How rates are found.
    public let method: Method

    static let unitsPerBit = 64
    static let maximumBits = Int(EdenCodec.bitRange.upperBound)

    /// Creates the codec.
    public init(base: EdenCodec, method: Method = .greedy) {
        self.base = base
        self.method = method
    }

    /// `eden:bits=2+allocation`, with `:method=joint` where it is not the greedy one.
    public var specification: String {
        base.specification + "+allocation" + (method == .greedy ? "" : ":method=\(method.rawValue)")
    }

    /// The rates' units and the tensors one after the other.
    public func encode(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        precondition(vector.count == layout.elementCount, "the vector does not have the layout's elements")
        try requireFinite(vector, codec: specification)
        let units = try rates(vector, layout: layout, seed: seed)
        for unit in units { output.appendLittleEndian(UInt16(unit)) }
        for (index, unit) in units.enumerated() where unit > 0 {
            try Tensor(index, layout, seed).encode(vector, codec(units: unit), into: &output)
        }
    }

    /// Reads and checks the rates.
    public func makeDecoder(
        _ source: any UpdateByteSource,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> any UpdateDecoder {
        var parts: [(tensor: Tensor, codec: EdenCodec?)] = []
        var expected = 0
        for index in layout.tensors.indices {
            let unit = Int(try source.readInteger(UInt16.self))
            guard unit == 0 || (Self.unitsPerBit...Self.maximumBits * Self.unitsPerBit).contains(unit) else {
                throw UpdateCodingError(.malformed, "a tensor's rate of \(unit)/64 bit is not one of EDEN's")
            }
            let tensor = Tensor(index, layout, seed)
            let codec = unit == 0 ? nil : codec(units: unit)
            expected += codec?.maximumEncodedByteCount(layout: tensor.layout) ?? 0
            parts.append((tensor, codec))
        }
        try requireByteCount(source, expected, codec: specification)
        return AllocatedDecoder(source: source, parts: parts)
    }

    /// The budget, and at most 63 padded coordinates, a scale for each block and a block's rounding for each tensor.
    public func maximumEncodedByteCount(layout: TensorLayout) -> Int {
        let overhead = layout.tensors.indices.reduce(0) { sum, index in
            var blocks = 0
            RotationBlocks(elementCount: layout.range(of: index).count).visit { _, _ in blocks += 1 }
            return sum + 2 + 4 * blocks + RotationBlocks.smallest * Self.maximumBits / 8 + RotationBlocks.largest / 8
        }
        return Int(Double(layout.elementCount) * base.bits / 8) + overhead
    }

    private func codec(units: Int) -> EdenCodec {
        EdenCodec(bits: Double(units) / Double(Self.unitsPerBit), scale: base.scale)
    }

    // MARK: Rates

    private func rates(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> [Int] {
        let components = layout.tensors.indices.map { index in
            let range = layout.range(of: index)
            let energy = VectorKernels.squaredNorm(UnsafeBufferPointer(rebasing: vector[range]))
            return BitAllocation.Component(count: range.count, weight: range.isEmpty ? 0 : energy / Double(range.count))
        }
        switch method {
        case .slope: return slopeRates(components)
        case .greedy: return greedyRates(components)
        case .joint: return try jointRates(vector, layout: layout, seed: seed) ?? greedyRates(components)
        }
    }

    private var floorBits: Int { base.scale == .unbiased ? 1 : 0 }

    private func budgetBits(_ components: [BitAllocation.Component], above floor: Int) -> Double {
        components.reduce(0.0) { $0 + Double($1.count) } * max(base.bits - Double(floor), 0)
    }

    /// max(floor, 1/2 log2(c / theta)): what lies above the floor is shared like a budget of its own.
    private func slopeRates(_ components: [BitAllocation.Component]) -> [Int] {
        let rates = BitAllocation.equalSlopes(components, budgetBits: budgetBits(components, above: floorBits))
        return zip(components, rates).map { component, rate in
            guard component.count > 0 else { return 0 }
            let bits = min(rate + Double(floorBits), Double(Self.maximumBits))
            return bits < 1 ? 0 : Int(bits * Double(Self.unitsPerBit))
        }
    }

    private func greedyRates(_ components: [BitAllocation.Component]) -> [Int] {
        let errors = (floorBits...Self.maximumBits).map { GaussianQuantizer.error(bits: $0, scale: base.scale) }
        let budget = Int(budgetBits(components, above: floorBits))
        let rates = BitAllocation.greedy(components, distortion: errors, budgetBits: budget)
        return zip(components, rates).map { $0.count > 0 ? ($1 + floorBits) * Self.unitsPerBit : 0 }
    }

    /// The best whole rates by what each tensor really costs and loses; nil where nothing fits.
    private func jointRates(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> [Int]? {
        var options: [[(cost: Double, error: Double)]] = []
        var budget = 0.0
        for index in layout.tensors.indices {
            let tensor = Tensor(index, layout, seed)
            let values = UnsafeBufferPointer(rebasing: vector[tensor.range])
            var choices: [(cost: Double, error: Double)] = []
            if floorBits == 0 || values.isEmpty { choices.append((0, VectorKernels.squaredNorm(values))) }
            for bits in 1...Self.maximumBits where !values.isEmpty {
                let codec = codec(units: bits * Self.unitsPerBit)
                var bytes: [UInt8] = []
                try tensor.encode(vector, codec, into: &bytes)
                let decoded = try codec.decodeAll(bytes, layout: tensor.layout, seed: tensor.seed)
                let error = decoded.subtracting(ParameterVector(copying: values)).squaredNorm
                choices.append((Double(bytes.count), error))
            }
            options.append(choices)
            budget += Double(base.maximumEncodedByteCount(layout: tensor.layout))
        }
        let picks = BitAllocation.leastError(options: options, budget: budget)
        return picks.map { picks in
            picks.enumerated().map { index, pick in
                layout.range(of: index).isEmpty ? 0 : (pick + floorBits) * Self.unitsPerBit
            }
        }
    }
}

extension AllocatedCodec {
    /// One tensor of a layout as an update of its own.
    struct Tensor {
        let range: Range<Int>
        let layout: TensorLayout
        let seed: Seed

        init(_ index: Int, _ layout: TensorLayout, _ seed: Seed) {
            range = layout.range(of: index)
            self.layout = layout.single(index)
            self.seed = seed.deriving("tensor", UInt64(index))
        }

        func encode(
            _ vector: UnsafeBufferPointer<Float>,
            _ codec: EdenCodec,
            into output: inout [UInt8]
        ) throws(UpdateCodingError) {
            let values = UnsafeBufferPointer(rebasing: vector[range])
            try codec.encode(values, layout: layout, seed: seed, into: &output)
        }
    }
}

/// Decodes tensor after tensor, each with its own rate.
private final class AllocatedDecoder: UpdateDecoder {
    private let source: any UpdateByteSource
    private var parts: [(tensor: AllocatedCodec.Tensor, codec: EdenCodec?)]
    private var part = 0
    private var decoder: (any UpdateDecoder)?
    private var remaining = 0

    init(source: any UpdateByteSource, parts: [(tensor: AllocatedCodec.Tensor, codec: EdenCodec?)]) {
        self.source = source
        self.parts = parts
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        var done = 0
        while done < block.count {
            if remaining == 0 { try begin() }
            let count = min(remaining, block.count - done)
            let piece = UnsafeMutableBufferPointer(rebasing: block[done..<(done + count)])
            if let decoder { try decoder.decode(into: piece) } else { piece.update(repeating: 0) }
            done += count
            remaining -= count
        }
    }

    private func begin() throws(UpdateCodingError) {
        precondition(part < parts.count, "no more coordinates than the layout's")
        let (tensor, codec) = parts[part]
        part += 1
        remaining = tensor.range.count
        guard let codec else {
            decoder = nil
            return
        }
        let bounded = BoundedByteSource(source, count: codec.maximumEncodedByteCount(layout: tensor.layout))
        decoder = try codec.makeDecoder(bounded, layout: tensor.layout, seed: tensor.seed)
    }

    func finish() throws(UpdateCodingError) {
        guard source.remainingByteCount == 0 else {
            throw UpdateCodingError(.trailingBytes, "\(source.remainingByteCount) bytes follow the coded update")
        }
    }
}
