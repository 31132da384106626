// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness

extension SeededGenerator {
    /// A draw from the exponential distribution of mean 1.
    mutating func exponential() -> Double { -Glibc.log(1 - uniform()) }
}
