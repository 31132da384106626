// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The two transcendental functions that the samplers need, from the C library.
enum Mathematics {
    static func log(_ x: Double) -> Double { Glibc.log(x) }
    static func pow(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }
}
