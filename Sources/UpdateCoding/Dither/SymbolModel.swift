// SPDX-License-Identifier: Apache-2.0

/// How the blocks of one class are coded: the scale of their coordinates against the step, and the density's shape.
struct BlockClass: Hashable, Sendable {
    static let scaleCount = 512
    static let scalesPerOctave = 16
    /// The scale index of a standard deviation of one step.
    static let unitScale = 160

    /// The standard deviation over the step is 2^((scale - 160) / 16): from 2^-10 to 2^22.
    var scale: Int
    /// Index in ``DensityShape/exponents``.
    var shape: Int

    /// Low bits sent as they are: so many that the standard deviation of the coded rest is below 16.
    var rawBits: Int { max(0, scale / Self.scalesPerOctave - 13) }

    /// The least-error factor sigma^2 / (sigma^2 + step^2 / 12) of the blocks (Wiener).
    var wienerFactor: Float {
        let logarithm = (scale - Self.unitScale) * 2 * 65_536 / Self.scalesPerOctave
        let energy = Double(FixedPointMath.exponential(fraction: logarithm & 0xFFFF)) * 0x1p-31 * power(logarithm >> 16)
        return Float(energy / (energy + 1 / 12))
    }

    private func power(_ exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: 1)
    }
}

/// The frequencies, out of 4096, of the symbols of one class in each of the 8 folded dither buckets.
///
/// A quotient q = rint(x / step + u) with u in bucket b (of 16, negated and folded to b < 8) is at least k exactly when
/// x / step is at least k - 1/2 - u. Averaging over the bucket's ends, with F the class's distribution function:
///
///     P(q >= k | b) = 1 - (F(k - (b + 1) / 16) + F(k - b / 16)) / 2
///
/// The symbol is q >> rawBits. Frequencies are rounded; symbols whose frequency rounds to 0, and all beyond +-127, are
/// coded as an escape of at least frequency 1; the most frequent symbol takes up what rounding leaves.
struct SymbolModel: Sendable {
    static let total = 4096
    static let bucketCount = 8
    /// The byte that stands for an escape.
    static let escape = -128

    /// The symbols low ... high of a bucket and their frequencies.
    struct Bucket: Sendable {
        var low = 0
        var high = 0
        var frequencies: [Int] = []
        var escapeFrequency = 1

        /// The code length of a symbol in 2^-16 bits; `symbol` may be out of range.
        func cost(of symbol: Int) -> Int {
            let inside = symbol >= low && symbol <= high
            let frequency = inside ? frequencies[symbol - low] : escapeFrequency
            return 12 * 65_536 - FixedPointMath.logarithmsOfCounts[frequency]
        }
    }

    let blockClass: BlockClass
    let buckets: [Bucket]

    init(_ blockClass: BlockClass) {
        self.blockClass = blockClass
        let density = ClassDensity(blockClass)
        buckets = (0..<Self.bucketCount).map { Self.bucket($0, rawBits: blockClass.rawBits, density) }
    }

    private static func bucket(_ bucket: Int, rawBits: Int, _ density: ClassDensity) -> Bucket {
        var result = Bucket()
        let edge = { (symbol: Int) in density.edge(quotient: symbol << rawBits, bucket: bucket) }
        // From probabilities in 2^-33 to frequencies out of 2^12, rounded.
        let rounded = { (probability: Int) in (probability + 1 << 20) >> 21 }
        var (below, above) = (edge(0), edge(1))
        result.frequencies = [max(rounded(above - below), 1)]
        while result.high < 127 {
            let next = edge(result.high + 2)
            guard rounded(next - above) > 0 else { break }
            result.frequencies.append(rounded(next - above))
            result.high += 1
            above = next
        }
        var lower: [Int] = []
        while result.low > -127 {
            let next = edge(result.low - 1)
            guard rounded(below - next) > 0 else { break }
            lower.append(rounded(below - next))
            result.low -= 1
            below = next
        }
        result.frequencies = lower.reversed() + result.frequencies
        let outside = (1 << 33) - (above - below)
        result.escapeFrequency = max(1, rounded(outside))
        let largest = result.frequencies.indices.max { result.frequencies[$0] < result.frequencies[$1] } ?? 0
        result.frequencies[largest] += total - result.escapeFrequency - result.frequencies.reduce(0, +)
        return result
    }
}

/// The distribution function of a class's coordinates, in units of a sixteenth of the step.
struct ClassDensity {
    private let shape: DensityShape
    /// Table positions for each cell of step / 16: 8 * 2^16 * 2^((160 - scale) / 16), 20 bits behind the point.
    private let positionsPerCell: UInt64

    init(_ blockClass: BlockClass) {
        shape = DensityShape.all[blockClass.shape]
        let logarithm = (BlockClass.unitScale - blockClass.scale) * 65_536 / BlockClass.scalesPerOctave + 39 * 65_536
        let mantissa = FixedPointMath.exponential(fraction: logarithm & 0xFFFF)
        let exponent = logarithm >> 16
        positionsPerCell = exponent >= 31 ? mantissa << UInt64(exponent - 31) : mantissa >> UInt64(31 - exponent)
    }

    /// F in 2^-31, at `cell` sixteenths of a step.
    private func distribution(_ cell: Int) -> Int {
        let (position, overflow) = UInt64(abs(cell)).multipliedReportingOverflow(by: positionsPerCell)
        let mass = Int(shape.mass(below: overflow ? .max : position >> 20))
        return cell < 0 ? (1 << 30) - mass : (1 << 30) + mass
    }

    /// P(q < quotient) in 2^-33 (2^-32, averaged over the two ends of the bucket).
    func edge(quotient: Int, bucket: Int) -> Int {
        let cell = 16 * quotient - bucket
        return 2 * (distribution(cell - 1) + distribution(cell))
    }
}
