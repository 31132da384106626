// SPDX-License-Identifier: Apache-2.0

/// Powers and logarithms of two in fixed point, from integer operations alone, so that every CPU gets the same bits.
///
/// Logarithms are signed numbers of 2^-16 (`Q16`); powers carry 31 bits behind the point.
enum FixedPointMath {
    /// `roots[j]` is 2^(2^-(j+1)) with 31 bits behind the point: each is the integer square root of the one before.
    private static let roots: [UInt64] = {
        var roots: [UInt64] = []
        var previous: UInt64 = 2 << 31
        for _ in 0..<16 {
            previous = squareRoot(previous << 31)
            roots.append(previous)
        }
        return roots
    }()

    /// The largest integer whose square is at most `value`.
    private static func squareRoot(_ value: UInt64) -> UInt64 {
        var root: UInt64 = 0
        var bit: UInt64 = 1 << 31
        // The argument is below 2^64, so the root is below 2^32: try its bits from the top.
        while bit > 0 {
            let (square, overflow) = (root + bit).multipliedReportingOverflow(by: root + bit)
            if !overflow, square <= value { root += bit }
            bit >>= 1
        }
        return root
    }

    /// 2^(fraction / 65536) in [1, 2), 31 bits behind the point: the product of the roots at the fraction's set bits,
    /// from the highest down, each product cut to 31 bits.
    static func exponential(fraction: Int) -> UInt64 {
        precondition(fraction >= 0 && fraction < 65_536, "a fraction lies in 0 ..< 65536")
        var result: UInt64 = 1 << 31
        for index in 0..<16 where fraction >> (15 - index) & 1 == 1 {
            result = (result * roots[index]) >> 31
        }
        return result
    }

    /// Floor of log2(value) in 2^-16, by sixteen squarings of the mantissa cut to 31 bits.
    static func logarithm(_ value: UInt64) -> Int {
        precondition(value > 0, "zero has no logarithm")
        let exponent = 63 - value.leadingZeroBitCount
        var mantissa = exponent >= 31 ? value >> UInt64(exponent - 31) : value << UInt64(31 - exponent)
        var result = exponent
        for _ in 0..<16 {
            mantissa = (mantissa * mantissa) >> 31
            result <<= 1
            if mantissa >> 32 != 0 {
                result |= 1
                mantissa >>= 1
            }
        }
        return result
    }

    /// log2 of a positive, normal float in 2^-16.
    static func logarithm(_ value: Float) -> Int {
        let bits = value.bitPattern
        let exponent = Int(bits >> 23 & 0xFF) - 127
        let mantissa = UInt64(bits & 0x7F_FFFF | 0x80_0000)
        return logarithm(mantissa) + (exponent - 23) * 65_536
    }

    /// 2^(logarithm / 65536) as a float: the mantissa cut to 24 bits.
    ///
    /// - Precondition: the result is a normal float.
    static func float(logarithm: Int) -> Float {
        let exponent = logarithm >> 16
        precondition((-126...126).contains(exponent), "a step is a normal float")
        let mantissa = UInt32(exponential(fraction: logarithm & 0xFFFF) >> 8)
        return Float(bitPattern: UInt32(exponent + 127) << 23 | mantissa & 0x7F_FFFF)
    }

    /// log2(count) for small counts, 0 for 0.
    static let logarithmsOfCounts: [Int] = (0...4096).map { $0 == 0 ? 0 : logarithm(UInt64($0)) }
}
