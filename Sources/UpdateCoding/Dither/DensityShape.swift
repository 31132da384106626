// SPDX-License-Identifier: Apache-2.0

/// A generalised normal density of unit variance, as the integer table of its distribution function.
///
///     f(t) ~ exp(-(|t| / s)^beta),   s chosen so that the variance is 1
///
/// beta = 2 is the normal and beta = 1 the Laplace density. Everything is integer arithmetic on both sides of the wire.
struct DensityShape: Sendable {
    /// The exponents on offer, in sixteenths.
    static let exponents = [6, 8, 10, 13, 16, 20, 25, 32]
    /// round(65536 log2(1 / s)), 1/s^2 = Gamma(3/beta) / Gamma(1/beta), for each exponent.
    private static let inverseScales = [383_708, 226_325, 141_535, 71_515, 32_768, 3063, -17_545, -32_768]
    /// round(65536 log2(log2 e)).
    private static let logarithmOfLog2E = 34_653
    /// Table entries for each standard deviation.
    static let resolution = 128
    /// Table entries: the density is cut off at 16 standard deviations.
    static let entryCount = 2048

    /// All shapes, computed at first use.
    static let all: [DensityShape] = exponents.indices.map(DensityShape.init(index:))

    /// `mass[n]` is the probability of [0, n / 128), in 2^-31: `mass[2048]` is exactly 2^30.
    let mass: [UInt32]

    private init(index: Int) {
        var sums: [UInt64] = [0]
        var total: UInt64 = 0
        for cell in 0..<Self.entryCount {
            // The middle of the cell, (2 cell + 1) / 256.
            let position = FixedPointMath.logarithm(UInt64(2 * cell + 1)) - 8 * 65_536
            let power = (Self.exponents[index] * (position + Self.inverseScales[index])) >> 4
            total += Self.exponential(minusPowerOf: power + Self.logarithmOfLog2E)
            sums.append(total)
        }
        mass = sums.map { UInt32((($0 << 20) / total) << 10 + ((($0 << 20) % total) << 10) / total) }
    }

    /// 2^-(2^(logarithm / 65536)) with 32 bits behind the point.
    private static func exponential(minusPowerOf logarithm: Int) -> UInt64 {
        // The exponent itself, 16 bits behind the point.
        let whole = logarithm >> 16
        guard whole < 6 else { return 0 }  // 2^-64 and less
        let mantissa = FixedPointMath.exponential(fraction: logarithm & 0xFFFF)
        let exponent = whole > -17 ? Int(mantissa >> UInt64(15 - whole)) : 0
        // 2^-e = 2^(1 - fraction) / 2^(whole + 1)
        let fraction = 65_536 - (exponent & 0xFFFF)
        let shift = UInt64(exponent >> 16)
        let power = fraction == 65_536 ? 2 << 31 : FixedPointMath.exponential(fraction: fraction)
        return power >> shift
    }

    /// The probability of [0, position / (128 * 65536)) in 2^-31, linear between entries.
    func mass(below position: UInt64) -> UInt64 {
        let entry = Int(min(position >> 16, UInt64(Self.entryCount)))
        guard entry < Self.entryCount else { return UInt64(mass[Self.entryCount]) }
        let low = UInt64(mass[entry])
        let high = UInt64(mass[entry + 1])
        return low + (((high - low) * (position & 0xFFFF)) >> 16)
    }
}
