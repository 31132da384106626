// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The optimal fixed-rate scalar quantiser of the standard normal distribution (Lloyd 1957, Max 1960).
///
/// The 2^b levels are symmetric; half of them are kept. A level is the mean of its cell and a boundary the midpoint of
/// its levels; the two conditions are iterated until nothing moves:
///
///     c_i = (phi(t_i) - phi(t_{i+1})) / (Phi(t_{i+1}) - Phi(t_i)),   t_i = (c_{i-1} + c_i) / 2,   t_0 = 0
///
/// Levels are rounded to multiples of 2^-20, so that the last digits of a platform's `exp` and `erfc` do not show.
struct GaussianQuantizer: Sendable {
    static let bitRange = 1...8

    /// The positive levels, ascending: 2^(b-1) of them.
    let levels: [Float]
    /// The boundaries between them: one fewer.
    let thresholds: [Float]
    /// Positive levels, then the same negated: indexed by code.
    let values: [Float]

    // Apart, because many levels take long to settle: 8 bits about a tenth of a second, 4 bits a millisecond.
    private static let one = GaussianQuantizer(computingFor: 1)
    private static let two = GaussianQuantizer(computingFor: 2)
    private static let three = GaussianQuantizer(computingFor: 3)
    private static let four = GaussianQuantizer(computingFor: 4)
    private static let five = GaussianQuantizer(computingFor: 5)
    private static let six = GaussianQuantizer(computingFor: 6)
    private static let seven = GaussianQuantizer(computingFor: 7)
    private static let eight = GaussianQuantizer(computingFor: 8)

    /// The quantiser of 2^bits levels, computed at first use.
    ///
    /// - Precondition: `bits` lies in ``bitRange``.
    static func bits(_ bits: Int) -> GaussianQuantizer {
        switch bits {
        case 1: return one
        case 2: return two
        case 3: return three
        case 4: return four
        case 5: return five
        case 6: return six
        case 7: return seven
        case 8: return eight
        default: preconditionFailure("a code has 1 to 8 bits")
        }
    }

    private init(computingFor bits: Int) {
        let half = 1 << (bits - 1)
        // A start near the optimum: points of the density to the power 1/3 (Panter and Dite 1951), a normal of variance
        // 3.
        var centers = (0..<half).map { index in
            3.0.squareRoot() * Self.quantile(0.5 + (Double(index) + 0.5) / Double(2 * half))
        }
        for _ in 0..<20_000 {
            var moved = 0.0
            var lower = 0.0
            for index in 0..<half {
                let upper = index + 1 < half ? (centers[index] + centers[index + 1]) / 2 : Double.infinity
                let mass = Self.tail(lower) - Self.tail(upper)
                let center = (Self.density(lower) - Self.density(upper)) / mass
                moved = max(moved, abs(center - centers[index]))
                centers[index] = center
                lower = upper
            }
            if moved < 1e-10 { break }
        }
        levels = centers.map { Float(($0 * 0x1p20).rounded() * 0x1p-20) }
        thresholds = (1..<max(half, 1)).map { Float(((centers[$0 - 1] + centers[$0]) * 0x1p19).rounded() * 0x1p-20) }
        values = levels + levels.map { -$0 }
    }

    /// The mean squared error of a coordinate over its variance; without bits all of it.
    ///
    ///     D = 1 - sum_i P(cell i) c_i^2          an optimal quantiser's levels are the means of their cells
    ///     least error: D,   unbiased: D / (1 - D)
    static func error(bits: Int, scale: EdenCodec.Scale) -> Double {
        guard bits > 0 else { return 1 }
        let quantizer = GaussianQuantizer.bits(bits)
        let bounds = [0] + quantizer.thresholds.map(Double.init) + [.infinity]
        let kept = quantizer.levels.indices.reduce(0.0) { sum, index in
            let level = Double(quantizer.levels[index])
            return sum + 2 * (tail(bounds[index]) - tail(bounds[index + 1])) * level * level
        }
        return scale == .unbiased ? (1 - kept) / kept : 1 - kept
    }

    private static func density(_ x: Double) -> Double {
        x.isInfinite ? 0 : exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    }

    private static func tail(_ x: Double) -> Double {
        x.isInfinite ? 0 : erfc(x / 2.0.squareRoot()) / 2
    }

    /// The quantile of p in [1/2, 1) by bisection.
    private static func quantile(_ p: Double) -> Double {
        var low = 0.0
        var high = 10.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if 1 - tail(middle) < p { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
