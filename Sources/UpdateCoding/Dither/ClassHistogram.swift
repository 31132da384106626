// SPDX-License-Identifier: Apache-2.0

/// How often each symbol occurs in each folded bucket among the sampled blocks of one class.
struct ClassHistogram {
    private static let width = 256
    private let rawBits: Int
    private var counts = [Int](repeating: 0, count: SymbolModel.bucketCount * width)
    private var blockCount = 0
    private var lowest = 0
    private var highest = 0

    init(rawBits: Int) {
        self.rawBits = rawBits
    }

    /// Counts a block's 64 folded quotients: 8 of each bucket.
    mutating func add(_ quotients: UnsafeBufferPointer<Int32>) {
        blockCount += 1
        let shift = Int32(rawBits)
        var (low, high) = (lowest, highest)
        counts.withUnsafeMutableBufferPointer { counts in
            for place in 0..<64 {
                let symbol = Int(quotients[place] >> shift)
                let clamped = min(max(symbol, -128), 127)
                low = min(low, clamped)
                high = max(high, clamped)
                counts[(place >> 3) * Self.width + clamped + 128] += 1
            }
        }
        (lowest, highest) = (low, high)
    }

    /// The class near `scale` that codes the counted symbols in the fewest bits, and those bits.
    ///
    /// With a shape given, only scales next to the start are tried with it: enough to follow a changed step.
    func fit(scale: Int, shape: Int?) -> (blockClass: BlockClass, bits: Double) {
        guard blockCount > 0 else {
            return (BlockClass(scale: scale, shape: DensityShape.exponents.count - 1), 0)
        }
        // The raw bits are a matter of the starting scale; the search must not change them.
        let octave = BlockClass(scale: scale, shape: 0).rawBits
        var best = (blockClass: BlockClass(scale: scale, shape: 4), bits: Double.infinity)
        var tried = Set<BlockClass>()
        func attempt(_ scale: Int, _ shape: Int) {
            guard scale >= 0, scale < BlockClass.scaleCount, DensityShape.exponents.indices.contains(shape) else {
                return
            }
            let candidate = BlockClass(scale: scale, shape: shape)
            guard candidate.rawBits == octave, tried.insert(candidate).inserted else { return }
            let bits = self.bits(SymbolModelCache.model(candidate))
            if bits < best.bits { best = (candidate, bits) }
        }
        if let shape {
            for distance in [0, 2, -2] { attempt(scale + distance, shape) }
            return best
        }
        for shape in stride(from: 1, to: DensityShape.exponents.count, by: 2) { attempt(scale, shape) }
        for shape in [best.blockClass.shape - 1, best.blockClass.shape + 1] { attempt(scale, shape) }
        for distance in [6, 3, 1] {
            let center = best.blockClass
            attempt(center.scale + distance, center.shape)
            attempt(center.scale - distance, center.shape)
        }
        return best
    }

    private func bits(_ model: SymbolModel) -> Double {
        var cost = 0
        var escapes = 0
        for (index, bucket) in model.buckets.enumerated() {
            let start = index * Self.width
            for symbol in lowest...highest where counts[start + symbol + 128] > 0 {
                let count = counts[start + symbol + 128]
                cost += count * bucket.cost(of: symbol)
                if symbol < bucket.low || symbol > bucket.high { escapes += count }
            }
        }
        return Double(cost) / 65_536 + Double(escapes * 6 + blockCount * 64 * rawBits)
    }
}
